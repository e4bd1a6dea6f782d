package provision

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"grantbridge/access"
	"grantbridge/directory"
)

// teller puts an explanation into sentences for the person who must act.
type teller struct {
	engine *Engine
	asked  asked
	x      access.Explanation
}

// says is the verdict in one sentence.
func (t teller) says() string {
	who, may := t.asked.person.Name(), t.may()
	switch t.x.Code {
	case access.Allowed:
		return fmt.Sprintf("%s may %s%s.", who, may, t.because())
	case access.NoGrant:
		return fmt.Sprintf("Nothing lets %s %s; %s.", who, may, t.holds())
	case access.ExpiredGrant:
		return fmt.Sprintf("%s could %s until %s; nothing gives it now.", who, may, t.ended())
	case access.DeniedRule:
		return fmt.Sprintf("%s may not %s: rule %s takes it away.", who, may, t.deciding(access.ByDeny))
	case access.CapUser:
		return fmt.Sprintf("%s may not %s: rule %s caps it.", who, may, t.deciding(access.ByCap))
	case access.CeilingMapping:
		return fmt.Sprintf("%s may %s in a session, but through a token the rules that give it stop at %s.", who, may, t.x.Effective)
	case access.CeilingToken:
		return fmt.Sprintf("%s may %s, but token %s is limited to %s.", who, may, t.asked.token.Name, t.limit(access.ByToken))
	case access.CeilingSession:
		return fmt.Sprintf("%s may %s, but this session is limited to %s.", who, may, t.limit(access.BySession))
	case access.ExpiredToken:
		return fmt.Sprintf("Token %s has expired.", t.asked.token.Name)
	case access.Revoked:
		return fmt.Sprintf("The %s of %s has been revoked.", t.credential(), who)
	case access.Locked:
		return fmt.Sprintf("%s is locked by an administrator.", who)
	case access.Suspended:
		return fmt.Sprintf("%s is suspended: an identity provider has deactivated the account.", who)
	case access.Anonymous:
		return fmt.Sprintf("%s may not %s.", who, may)
	case access.UnknownSubject:
		if t.asked.q.Token != "" {
			return fmt.Sprintf("Token %s does not belong to %s.", t.asked.token.Name, who)
		}
		return fmt.Sprintf("Nobody is known as %q.", t.asked.q.Who)
	}
	return fmt.Sprintf("%s may not %s (%s).", who, may, t.x.Code)
}

func (t teller) may() string {
	site := cmpOr(t.asked.site.Name, t.asked.site.Slug)
	switch t.asked.q.What {
	case access.View.String(), access.Write.String():
		return fmt.Sprintf("%s on %s", siteVerb(t.asked.q.What), site)
	case access.Admin.String():
		return "administer " + site
	case access.Superuser.String():
		return "act as superuser"
	}
	return fmt.Sprintf("do %s on %s", t.asked.q.What, site)
}

func siteVerb(level string) string {
	if level == access.View.String() {
		return "view reports"
	}
	return level
}

func (t teller) because() string {
	for _, g := range t.x.Grants {
		if !g.Counts {
			continue
		}
		via := strings.Join(t.engine.via(g), ", ")
		if g.Via.Kind == access.TheGroup {
			source := g.Rule.Origin.Source
			if gr, ok := t.engine.picture.Load().groups[directory.GroupID(g.Via.ID)]; ok {
				source = gr.Source // a manual rule has none of its own
			}
			return fmt.Sprintf(" through rule %s, group %s (%s)", g.Rule.Origin.Rule, via, source)
		}
		return fmt.Sprintf(" through rule %s (%s)", g.Rule.Origin.Rule, via)
	}
	return ""
}

func (t teller) holds() string {
	if t.x.Effective == access.NoAccess {
		return "no access is held there"
	}
	return fmt.Sprintf("what is held there is %s", t.x.Effective)
}

func (t teller) ended() string {
	var last time.Time
	for _, g := range t.x.Grants {
		if !g.Counts && g.Ends.After(last) && !g.Ends.After(t.asked.q.At) {
			last = g.Ends
		}
	}
	return last.UTC().Format(time.RFC3339)
}

func (t teller) deciding(kind access.RestrictionKind) string {
	for _, r := range t.x.Restriction {
		if r.Kind == kind && r.Decides && r.Rule != nil {
			if r.Rule.Origin.Reason != "" {
				return fmt.Sprintf("%s (%s)", r.Rule.Origin.Rule, r.Rule.Origin.Reason)
			}
			return r.Rule.Origin.Rule
		}
	}
	return "unknown"
}

func (t teller) limit(kind access.RestrictionKind) string {
	for _, r := range t.x.Restriction {
		if r.Kind == kind && r.Decides {
			return r.Limit
		}
	}
	return t.x.Effective.String()
}

func (t teller) credential() string {
	if t.asked.q.Token != "" {
		return "token " + t.asked.token.Name
	}
	return "session"
}

// nearest is the smallest changes that would make it a yes, each a sentence.
func (t teller) nearest() (out []string) {
	if t.x.Code == access.Anonymous {
		return []string{"sign in"}
	}
	session := slices.ContainsFunc(t.x.Nearest, func(c access.Change) bool { return c.Kind == access.UseSession })
	for _, c := range t.x.Nearest {
		says := t.change(c, session)
		if says != "" && !slices.Contains(out, says) {
			out = append(out, says)
		}
		if len(out) == 5 {
			break
		}
	}
	return out
}

func (t teller) change(c access.Change, session bool) string {
	switch c.Kind {
	case access.UseSession:
		if slices.ContainsFunc(t.x.Nearest, func(c access.Change) bool { return c.Kind == access.RaiseToken }) {
			return "" // said together with it
		}
		return "use a session"
	case access.RaiseToken:
		text := fmt.Sprintf("a token with ceiling %s", c.Level)
		if c.Level == access.NoAccess {
			text = "a token that names this site and action"
		}
		if session {
			return "use a session, or " + text
		}
		return "use " + text
	case access.RaiseMapping:
		return fmt.Sprintf("raise token_ceiling of rule %s to %s", c.Rule.Origin.Rule, c.Level)
	case access.LiftRule:
		return fmt.Sprintf("lift rule %s", c.Rule.Origin.Rule)
	case access.JoinGroup:
		return t.join(c)
	case access.RenewGrant:
		return fmt.Sprintf("renew rule %s", c.Rule.Origin.Rule)
	case access.RenewToken:
		return "make a new token"
	case access.Unlock:
		return "unlock the person"
	case access.Reactivate:
		return "reactivate the account at its identity provider"
	}
	return ""
}

func (t teller) join(c access.Change) string {
	g, ok := t.engine.picture.Load().groups[directory.GroupID(c.Rule.Subject.ID)]
	if c.Rule.Subject.Kind != access.TheGroup || !ok {
		return fmt.Sprintf("meet the condition of rule %s", c.Rule.Origin.Rule)
	}
	return fmt.Sprintf("join group %s (%s): rule %s gives %s", g.Display, g.Source, c.Rule.Origin.Rule, c.Rule.Role)
}

// sentence makes text stand alone: a capital and a full stop.
func sentence(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(r)) + text[n:]
	if !strings.HasSuffix(text, "?") && !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
