package verify

import (
	"net/url"
	"strings"
)

// projectionCases are attributes and excludedAttributes (RFC 7644 §3.9) and
// the returned characteristic (RFC 7643 §2.2).
func projectionCases() []Case {
	row := func(id, title, param, names string, w want) Case {
		return must("rfc7644-3.9-"+id, title, func(t *trial) {
			p := filterPeople(t)
			t.get(p.byLetter["A"].path + queryOf(param, names)).isStatus(200).has(w)
		})
	}
	name := want{"id": present, "userName": present, "displayName": nil, "emails": nil, "name": nil}
	cases := []Case{
		row("attributes", "attributes gives what is asked, and id", "attributes", "userName", name),
		row("attributes-two", "attributes takes a list", "attributes", "userName,title", want{"id": present, "userName": present, "title": present, "emails": nil}),
		row("attributes-space", "spaces in the list do not matter", "attributes", "userName, title", want{"userName": present, "title": present, "emails": nil}),
		row("attributes-any-case", "attributes are spelt in any case", "attributes", "USERNAME", name),
		row("attributes-sub", "attributes may name a sub-attribute", "attributes", "name.givenName", want{"name.givenName": present, "name.familyName": nil, "userName": nil}),
		row("attributes-multi-sub", "attributes may name a sub-attribute of a multi-valued one", "attributes", "emails.value", want{"emails[0].value": present, "emails[0].type": nil}),
		row("attributes-complex", "attributes gives a complex attribute whole", "attributes", "name", want{"name.givenName": present, "name.familyName": present, "userName": nil}),
		row("attributes-urn", "attributes may carry the core schema's URN", "attributes", userURN+":userName", name),
		row("attributes-extension", "attributes may name an extension's attribute", "attributes", enterpriseURN+":department", want{enterpriseURN + ":department": present, enterpriseURN + ":costCenter": nil, "userName": nil}).need(NeedEnterprise),
		row("attributes-extension-whole", "attributes may name an extension whole", "attributes", enterpriseURN, want{enterpriseURN + ":department": present, enterpriseURN + ":costCenter": present, "emails": nil}).need(NeedEnterprise),
		row("attributes-unknown", "an unknown attribute is given as nothing", "attributes", "gbvNoSuch", want{"id": present, "emails": nil}),
		row("attributes-meta", "attributes may name meta", "attributes", "meta.location", want{"meta.location": present, "emails": nil}),
		row("excluded", "excludedAttributes takes away", "excludedAttributes", "emails", want{"emails": nil, "userName": present, "displayName": present}),
		row("excluded-two", "excludedAttributes takes a list", "excludedAttributes", "emails,title", want{"emails": nil, "title": nil, "displayName": present}),
		row("excluded-sub", "excludedAttributes may name a sub-attribute", "excludedAttributes", "name.givenName", want{"name.givenName": nil, "name.familyName": present}),
		row("excluded-multi-sub", "excludedAttributes may name a sub-attribute of a multi-valued one", "excludedAttributes", "emails.type", want{"emails[0].type": nil, "emails[0].value": present}),
		row("excluded-id", "id cannot be taken away", "excludedAttributes", "id", want{"id": present}),
		row("excluded-extension", "excludedAttributes may name an extension's attribute", "excludedAttributes", enterpriseURN+":department", want{enterpriseURN + ":department": nil, enterpriseURN + ":costCenter": present}).need(NeedEnterprise),
		row("excluded-extension-whole", "excludedAttributes may name an extension whole", "excludedAttributes", enterpriseURN, want{enterpriseURN: nil, "userName": present}).need(NeedEnterprise),
		row("excluded-unknown", "an unknown excludedAttribute changes nothing", "excludedAttributes", "gbvNoSuch", want{"userName": present, "emails": present}),
		row("excluded-any-case", "excludedAttributes are spelt in any case", "excludedAttributes", "EMAILS", want{"emails": nil, "userName": present}),
	}
	for i := range cases {
		if strings.HasSuffix(cases[i].ID, "-unknown") {
			cases[i].Level = Should // the RFC does not say what an unknown name means
		}
	}
	cases = append(cases,
		must("rfc7644-3.9-list", "attributes works on a list", func(t *trial) {
			p := filterPeople(t)
			t.query("/Users", "filter", `id eq "`+p.byLetter["A"].id+`"`, "attributes", "userName").isStatus(200).has(want{"Resources[0].userName": present, "Resources[0].id": present, "Resources[0].emails": nil})
		}).need(NeedFilter),
		must("rfc7644-3.9-list-excluded", "excludedAttributes works on a list", func(t *trial) {
			p := filterPeople(t)
			t.query("/Users", "filter", `userName eq "`+p.byLetter["A"].name+`"`, "excludedAttributes", "emails").isStatus(200).has(want{"Resources[0].userName": present, "Resources[0].emails": nil})
		}).need(NeedFilter),
		must("rfc7644-3.9-filter-hidden", "one may filter by what is not asked for", func(t *trial) {
			filterPeople(t)
			t.query("/Users", "filter", t.fill(`title eq "Title-{run}-Alpha"`), "attributes", "userName").isStatus(200).has(want{"totalResults": 1, "Resources[0].title": nil})
		}).need(NeedFilter, userAttr("title")),
		must("rfc7644-3.9-create", "attributes works on POST", func(t *trial) {
			t.create("/Users?attributes=userName", t.userBody(t.newName(), "")).isStatus(201).has(want{"id": present, "userName": present, "emails": nil})
		}),
		must("rfc7644-3.9-put", "attributes works on PUT", func(t *trial) {
			u := t.user("")
			t.ask("PUT", u.path+"?attributes=userName", t.userBody(u.name, "")).isStatus(200).has(want{"id": present, "userName": present, "emails": nil})
		}),
		must("rfc7644-3.9-patch", "PATCH with attributes answers 200 with them", func(t *trial) {
			u := t.user("")
			t.patch(u.path+"?attributes=userName", `[{"op":"replace","path":"displayName","value":"P {tag}"}]`).isStatus(200).has(want{"id": present, "userName": present, "emails": nil})
		}).need(NeedPatch),
		must("rfc7644-3.9-group-members", "excludedAttributes=members leaves a group's members out", func(t *trial) {
			g := t.group(t.user(""))
			t.get(g.path + "?excludedAttributes=members").isStatus(200).has(want{"displayName": g.name, "members": nil})
		}).need(NeedGroups).mean("Entra reads every group so; with 100,000 members each answer would be megabytes"),
		must("rfc7644-3.9-group-members-list", "excludedAttributes=members works on a list of groups", func(t *trial) {
			g := t.group(t.user(""))
			t.query("/Groups", "filter", `displayName eq "`+g.name+`"`, "excludedAttributes", "members").isStatus(200).has(want{"Resources[0].id": g.id, "Resources[0].members": nil})
		}).need(NeedGroups, NeedFilter),
		must("rfc7644-3.9-group-attributes", "attributes=displayName leaves a group's members out", func(t *trial) {
			g := t.group(t.user(""))
			t.get(g.path + "?attributes=displayName").isStatus(200).has(want{"displayName": g.name, "id": g.id, "members": nil})
		}).need(NeedGroups),
		must("rfc7643-2.2-password-hidden", "a password is never answered", func(t *trial) {
			body := t.userBody(t.newName(), `{"password": "{password}"}`)
			res := t.create("/Users", body).isStatus(201)
			res.has(want{"password": nil})
			t.read("/Users/" + url.PathEscape(lookupString(res.doc, "id"))).has(want{"password": nil})
		}).mean("a password that comes back stands in every log on the way"),
		must("rfc7643-2.2-password-hidden-asked", "a password is not answered when asked for by name", func(t *trial) {
			u := t.user(`{"password": "{password}"}`)
			t.get(u.path + "?attributes=password,userName").isStatus(200).has(want{"password": nil, "userName": present})
		}),
		must("rfc7643-2.2-password-not-filtered", "nobody is found by password", func(t *trial) {
			t.user(`{"password": "{password}"}`)
			res := t.query("/Users", "filter", t.fill(`password eq "{password}"`))
			if res.Status != 200 {
				res.isRefused()
				return
			}
			res.has(want{"totalResults": 0})
		}).need(NeedFilter).mean("passwords can be tried by filter"),
	)
	return area("Projection", "answers hold more than asked (slow, and more than may be shown) or less than needed", cases)
}

// searchUsers posts a search; a server that says 501 does not have it.
func (t *trial) searchUsers(params map[string]any) *reply { return t.search("/Users/.search", params) }

func (t *trial) search(path string, params map[string]any) *reply {
	params["schemas"] = []string{searchURN}
	res := t.ask("POST", path, params)
	if res.Status == 501 {
		t.notApplicable("the server answers 501 to " + path)
	}
	return res.isStatus(200)
}

// searchCases are queries by POST (RFC 7644 §3.4.3).
func searchCases() []Case {
	return area("Search by POST", "queries with names in them stand in the access logs, as they cannot be posted", []Case{
		must("rfc7644-3.4.3-users", "POST /Users/.search answers a ListResponse", func(t *trial) {
			p := filterPeople(t)
			res := t.searchUsers(map[string]any{"filter": `userName eq "` + p.byLetter["A"].name + `"`})
			isList(res).has(want{"totalResults": 1, "Resources[0].id": p.byLetter["A"].id})
		}),
		must("rfc7644-3.4.3-attributes", ".search takes attributes", func(t *trial) {
			p := filterPeople(t)
			t.searchUsers(map[string]any{"filter": `userName eq "` + p.byLetter["A"].name + `"`, "attributes": []string{"userName"}}).has(want{"Resources[0].userName": present, "Resources[0].emails": nil})
		}),
		must("rfc7644-3.4.3-excluded", ".search takes excludedAttributes", func(t *trial) {
			p := filterPeople(t)
			t.searchUsers(map[string]any{"filter": `userName eq "` + p.byLetter["A"].name + `"`, "excludedAttributes": []string{"emails"}}).has(want{"Resources[0].displayName": present, "Resources[0].emails": nil})
		}),
		must("rfc7644-3.4.3-paged", ".search takes startIndex and count", func(t *trial) {
			p := pagePeople(t)
			t.searchUsers(map[string]any{"filter": p.scope, "startIndex": 3, "count": 2}).has(want{"totalResults": 7, "startIndex": 3, "Resources.#": 2})
		}).need(NeedIndex),
		must("rfc7644-3.4.3-invalid", ".search refuses an invalid filter", func(t *trial) {
			res := t.ask("POST", "/Users/.search", map[string]any{"schemas": []string{searchURN}, "filter": "userName xx"})
			if res.Status == 501 {
				t.notApplicable("the server answers 501 to .search")
			}
			res.isError(400, "invalidFilter")
		}),
		must("rfc7644-3.4.3-groups", "POST /Groups/.search answers groups", func(t *trial) {
			p := groupPeople(t)
			isList(t.search("/Groups/.search", map[string]any{"filter": `displayName eq "` + p.byLetter["A"].name + `"`})).has(want{"totalResults": 1, "Resources[0].id": p.byLetter["A"].id})
		}).need(NeedGroups),
		must("rfc7644-3.4.3-root", "POST /.search answers resources of every type", func(t *trial) {
			p := filterPeople(t)
			res := t.search("/.search", map[string]any{"filter": `id eq "` + p.byLetter["A"].id + `"`})
			isList(res).has(want{"totalResults": 1, "Resources[0].meta.resourceType": "User"})
		}),
		should("rfc7644-3.4.2.1-root", "GET on the root answers by filter, or says 501", func(t *trial) {
			p := filterPeople(t)
			res := t.get("/" + queryOf("filter", `id eq "`+p.byLetter["A"].id+`"`))
			if res.Status == 501 || res.Status == 403 {
				t.notApplicable("the server answers " + statusText(res.Status) + " to queries at its root")
			}
			isList(res.isStatus(200)).has(want{"totalResults": 1})
		}),
		should("rfc7644-3.4.3-get", "GET on .search is no user", func(t *trial) {
			res := t.get("/Users/.search")
			t.ok(res.Status == 405 || res.Status == 404 || res.Status == 501, "HTTP 405, 404 or 501", "%s", res.says())
		}),
	}, NeedFilter)
}

// meCases are /Me (RFC 7644 §3.11). Only read: the resource is not ours.
func meCases() []Case {
	return area("Me", "self-service clients cannot find their own person", []Case{
		must("rfc7644-3.11-get", "GET /Me answers the resource, redirects to it, or says 501 or 404", func(t *trial) {
			t.get("/Me").isStatus(200, 308, 404, 501, 403)
		}),
		must("rfc7644-3.11-location", "an answer of /Me says where the resource really is", func(t *trial) {
			res := t.get("/Me")
			if res.Status != 200 && res.Status != 308 {
				t.notApplicable("the server answers " + statusText(res.Status) + " to /Me")
			}
			where := res.Header.Get("Location") + res.Header.Get("Content-Location") + lookupString(res.doc, "meta.location")
			t.ok(strings.Contains(where, "/Users/"), "a location under /Users/", "%q", where)
		}),
		must("rfc7644-3.11-unauthorized", "/Me without a credential answers 401", func(t *trial) {
			t.get("/Me", "Authorization", "").isStatus(401, 501)
		}),
	})
}
