package verify

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// killers are the cases each fault must be found by, and at least one of them
// by name; what else fails is as well.
var killers = map[fault]string{
	orBeforeAnd:        "rfc7644-3.4.2.2-logic-precedence-or-and",
	notIgnored:         "rfc7644-3.4.2.2-logic-not",
	valuePathMixes:     "rfc7644-3.4.2.2-valuepath-one-value",
	userNameExact:      "rfc7643-2.2-case-userName",
	externalIDAnyCase:  "rfc7643-2.2-case-externalId",
	wildcards:          "rfc7644-3.4.2.2-literal-percent",
	containsAsEqual:    "rfc7644-3.4.2.2-co-title",
	instantsAsText:     "rfc7644-3.4.2.2-meta.created-ge-offset",
	filterIgnored:      "rfc7644-3.4.2.2-eq-userName",
	badFilterEmpty:     "rfc7644-3.4.2.2-invalid-operator",
	extensionLost:      "rfc7643-4.3-keeps-enterprise",
	externalIDLost:     "rfc7643-3.1-externalid",
	membersDoubled:     "rfc7644-3.5.2.1-member-present",
	primaryShared:      "rfc7644-3.5.2-patch-add-primary",
	halfPatches:        "rfc7644-3.5.2-patch-atomic-path",
	readOnlyWritten:    "rfc7644-3.5.2-patch-readonly-groups",
	replaceAdds:        "rfc7644-3.5.2.3-patch-members-replace",
	noTargetIgnored:    "rfc7644-3.5.2.3-patch-replace-no-target",
	removeTakesAll:     "rfc7644-3.5.2.2-patch-members-remove",
	noLocation:         "rfc7644-3.3-create-location",
	twinsAllowed:       "rfc7644-3.3-unique",
	raceAllowed:        "rfc7644-3.3-race-create",
	deleteTwice:        "rfc7644-3.6-delete-twice",
	deletedStays:       "rfc7644-3.6-deleted-list",
	deletedMember:      "rfc7644-3.5.2-member-deleted",
	inactiveHidden:     "rfc7643-4.1.1-inactive-listed",
	inactiveLeaves:     "rfc7643-4.2-inactive-keeps",
	clientID:           "rfc7643-3.1-id-issued",
	clientMeta:         "rfc7643-3.1-meta-ignored",
	boolAsString:       "rfc7643-2.3-string-for-boolean",
	passwordShown:      "rfc7643-2.2-password-hidden",
	attributesIgnored:  "rfc7644-3.9-attributes",
	excludedIgnored:    "rfc7644-3.9-group-members",
	idExcluded:         "rfc7644-3.9-excluded-id",
	pageSizeEchoed:     "rfc7644-3.4.2.4-last",
	zeroBased:          "rfc7644-3.4.2.4-walk-2",
	negativeCountAll:   "rfc7644-3.4.2.4-count-negative",
	totalOfPage:        "rfc7644-3.4.2.4-count",
	pagesShuffled:      "rfc7644-3.4.2.4-same-order",
	numbersAsStrings:   "rfc7644-3.4.2.4-integers",
	sortIgnored:        "rfc7644-3.4.2.3-username-descending",
	sortExact:          "rfc7644-3.4.2.3-case-insensitive",
	missingFirst:       "rfc7644-3.4.2.3-missing-last",
	putIgnoresMembers:  "rfc7644-3.5.1-group-members",
	putKeepsLists:      "rfc7644-3.5.1-emails",
	ifMatchIgnored:     "rfc7644-3.14-patch-stale",
	ifNoneMatchIgnored: "rfc7644-3.14-not-modified",
	versionFixed:       "rfc7644-3.14-changes",
	failOnErrorsLost:   "rfc7644-3.7.3-fail-on-errors",
	bulkIDUnresolved:   "rfc7644-3.7.2-bulkid",
	bulkUnlimited:      "rfc7644-3.7.4-max-operations",
	plainErrors:        "rfc7644-3.12-document-404",
	statusNumber:       "rfc7644-3.12-status-string",
	plainJSON:          "rfc7644-3.1-answers-scim-json",
	tokenIgnored:       "rfc7644-3.12-wrong-token",
	deepPanics:         "rfc7644-3.12-limit-body-nested",
	badUTF8Kept:        "rfc7644-3.12-limit-body-invalid-utf8",
	formTaken:          "rfc7644-3.8-refuses-form",
	schemasNull:        "rfc7644-4-schemas-no-null",
	cursorRepeats:      "rfc9865-2-walk-3",
	cursorUnchecked:    "rfc9865-2.1-invalid",
	cursorLastMore:     "rfc9865-2-last",
	searchIgnoresBody:  "rfc7644-3.4.3-users",
	discoveryFiltered:  "rfc7644-4-filter-schemas",
	methodNotFound:     "rfc7644-3.2-method-collection",
}

func TestEveryFaultIsFoundByTheCaseMeantForIt(t *testing.T) {
	for f, id := range killers {
		t.Run(strings.ReplaceAll(string(f), " ", "_"), func(t *testing.T) {
			t.Parallel()
			_, server := startFake(t, f)
			report := runOn(t, server.URL, func(c *Config) { c.Only = []string{id + "*"} })
			i := slices.IndexFunc(report.Results, func(r Result) bool { return r.ID == id })
			if i < 0 {
				t.Fatalf("no case %s", id)
			}
			res := report.Results[i]
			if res.Status != Failed {
				t.Errorf("%s: %s (%s), want failed", id, res.Status, res.Got)
			}
			if res.Expected == "" || res.Got == "" || res.Request == "" || len(res.Exchanges) == 0 {
				t.Errorf("%s fails without saying what was asked, expected and got: %+v", id, res)
			}
		})
	}
}

func TestEveryFaultHasAKiller(t *testing.T) {
	src, err := os.ReadFile("fake_faults_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`fault = "(.*)"`).FindAllSubmatch(src, -1) {
		if killers[fault(m[1])] == "" {
			t.Errorf("no case is meant for the fault %q", m[1])
		}
	}
	if len(killers) < 20 {
		t.Errorf("%d faults, want 20 or more", len(killers))
	}
}

// TestEveryCaseCanFail asks servers that answer everything alike: on 500 no case
// may pass, and on 200 with an empty object few.
func TestEveryCaseCanFail(t *testing.T) {
	for _, code := range []int{500, 200} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, "{}")
		}))
		defer server.Close()
		report := runOn(t, server.URL, func(c *Config) { c.Profile, c.Parallel = All, 4 })
		for _, res := range report.Results {
			if code == 500 && res.Status == Passed {
				t.Errorf("%s passes on a server that answers 500 to everything", res.ID)
			}
		}
		if got := report.Tally("").Passed; got > 60 {
			t.Errorf("%d cases pass on a server that answers %d {} to everything", got, code)
		}
	}
}
