package ldapsync

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

// invariants are what must hold whatever a directory does, each with its tests.
// The first half of them is about reading, the rest about planning and applying.
var invariants = []struct {
	says  string
	tests []string // of this package, of provision or of the program
}{
	1:  {"reading again changes nothing and writes no row", []string{"Test01ReadingAgainChangesNothing", "TestARunWithoutChangeWritesNothing"}},
	2:  {"a fault anywhere takes nothing", []string{"Test02AConnectionCutAfterAnyByteTakesNothing", "Test02AByteThatFlipsTakesNothing", "Test02WrongAnswersTakeNothing", "Test02ASilentServerDoesNotHoldUs", "TestAnUnprovenReadingChangesNothing"}},
	3:  {"success with nothing removes nobody", []string{"Test03EmptySuccessRemovesNobody", "TestSuccessWithNothingChangesNothingAndIsSaid", "TestAServerThatAnswersSuccessWithNothingChangesNothingAndIsSaid"}},
	4:  {"when faults heal, one run ends at the directory", []string{"Test04And05IncrementsAndFaultsEndWhereAFullReadingDoes", "TestRunsConverge", "TestTheStoreFollowsTheDirectory"}},
	5:  {"increments end where a full reading does", []string{"Test04And05IncrementsAndFaultsEndWhereAFullReadingDoes", "TestSlapdIncrementsEndWhereAFullReadingDoes"}},
	6:  {"killed anywhere, it ends the same", []string{"TestAnInterruptedRunIsFinishedByTheNext", "TestKilledAtRandomMomentsTheStoreFollowsTheDirectory", "TestServeKilledWhileItAppliesGoesOn"}},
	7:  {"two leaders do what one does", []string{"TestATakenLeaseFencesTheRunThatLostIt", "TestManyWorkersOfOneSourceDoWhatOneDoes"}},
	8:  {"renames and moves take nothing", []string{"Test08RenamesAndMovesTakeNothing", "TestARenameKeepsEverything", "Test08And09ANameInAGroupMeansWhoHadItThen", "TestOnEveryServerRenamesAndMovesTakeNothing"}},
	9:  {"who is created again inherits nothing", []string{"Test09ARecreatedAccountInheritsNothing", "TestAReCreatedAccountIsNoHeir", "Test08And09ANameInAGroupMeansWhoHadItThen", "TestANameThatPassesGivesNothing", "TestOnEveryServerWhoIsCreatedAgainInheritsNothing", "TestOnEveryServerANameThatPassesGivesNothing", "TestSlapdANameListedBeforeItsOwnerGivesNothing"}},
	10: {"order and spelling make no difference", []string{"Test10OrderAndSpellingMakeNoDifference", "TestThePlanDoesNotDependOnOrderOrSpelling", "TestOnEveryServerNamesOfAnyKindAreMembers"}},
	11: {"ranges of any size give all members", []string{"Test11RangesOfAnySizeGiveAllMembers", "TestSambaRangesGiveAllMembers"}},
	12: {"circles of groups end", []string{"Test12CirclesEndAndKeepThePath", "TestOnEveryServerCirclesOfGroupsEnd"}},
	13: {"rows of others never change", []string{"TestARunTouchesOnlyItsOwnSource"}},
	14: {"nobody sees a third state", []string{"TestNobodyIsSeenHalfChanged", "TestWhoComesBackIsNotSeenInAGroupThatIsGone"}},
	15: {"hidden members take nothing", []string{"Test15HiddenMembersTakeNothing", "TestAHiddenListOfMembersChangesNothing"}},
	16: {"a run that nobody watches is bounded, both ways", []string{"TestAnUnattendedRunStaysWithinItsLimits", "TestAMassRemovalIsHeldAndClosesItself", "TestAMassElevationIsHeld", "TestAServersMassRemovalAndMassElevationAreHeld"}},
	17: {"a hash applies exactly its plan", []string{"TestApprovingAPlanDoesExactlyItOrNothing"}},
	18: {"a replica that lags is not believed", []string{"Test18AReplicaThatLagsIsNotBelieved", "TestOnEveryServerAReplicaThatLagsIsNotBelieved"}},
	19: {"a temporary lock takes nothing", []string{"Test19ATemporaryLockTakesNothing", "TestNoServerLocksAnAccountThroughUs"}},
	20: {"a present phase takes nothing", []string{"Test20APresentPhaseTakesNothing", "TestDS389NothingNewAndAForeignCookieTakeNothing"}},
	21: {"a junk cookie leads to a full reading", []string{"Test21AJunkCookieLeadsToAFullReading", "TestOnEveryServerAJunkCookieTakesNothing"}},
	22: {"no filter matches more than the literal", []string{"Test22NoFilterMatchesMoreThanTheLiteral", "TestEveryServerTakesTheRightPasswordOnly"}},
	23: {"a group of a million fits into memory", []string{"Test23AGroupOfAMillionFitsIntoMemory"}},
	24: {"counts of report, plan and audit are equal", []string{"TestRunsConverge"}},
}

func TestEveryInvariantHasItsTests(t *testing.T) {
	there := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "../provision/*_test.go", "../cmd/grantbridge/*_test.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range names {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
					there[fn.Name.Name] = true
				}
			}
		}
	}
	if len(invariants) != 25 {
		t.Errorf("%d invariants, want 24", len(invariants)-1)
	}
	for n, i := range invariants[1:] {
		for _, test := range i.tests {
			if !there[test] {
				t.Errorf("invariant %d, %s: there is no %s", n+1, i.says, test)
			}
		}
		if len(i.tests) == 0 {
			t.Errorf("invariant %d, %s: no test", n+1, i.says)
		}
	}
}
