package verify

import "strings"

// attributeRow is an attribute a server may keep: what is sent, and what must
// come back on GET.
type attributeRow struct {
	name    string
	overlay string
	back    want
	section string
	need    Feature
}

var attributeRows = []attributeRow{
	{"name", `{"name": {"formatted": "Dr. V. Ify", "familyName": "Ify", "givenName": "Vera", "middleName": "Q", "honorificPrefix": "Dr.", "honorificSuffix": "II"}}`,
		want{"name.familyName": "Ify", "name.givenName": "Vera"}, "4.1.1", userAttr("name")},
	{"name.formatted", `{"name": {"formatted": "Dr. V. Ify"}}`, want{"name.formatted": "Dr. V. Ify"}, "4.1.1", userAttr("name.formatted")},
	{"name.middleName", `{"name": {"familyName": "I", "middleName": "Quinn"}}`, want{"name.middleName": "Quinn"}, "4.1.1", userAttr("name.middleName")},
	{"name.honorifics", `{"name": {"familyName": "I", "honorificPrefix": "Dr.", "honorificSuffix": "II"}}`, want{"name.honorificPrefix": "Dr.", "name.honorificSuffix": "II"}, "4.1.1", userAttr("name.honorificPrefix")},
	{"displayName", `{"displayName": "Vera of {tag}"}`, want{"displayName": "Vera of {tag}"}, "4.1.1", userAttr("displayName")},
	{"nickName", `{"nickName": "V"}`, want{"nickName": "V"}, "4.1.1", userAttr("nickName")},
	{"profileUrl", `{"profileUrl": "https://verify.example/Vera"}`, want{"profileUrl": "https://verify.example/Vera"}, "4.1.1", userAttr("profileUrl")},
	{"title", `{"title": "Head of Tests"}`, want{"title": "Head of Tests"}, "4.1.1", userAttr("title")},
	{"userType", `{"userType": "Contractor"}`, want{"userType": "Contractor"}, "4.1.1", userAttr("userType")},
	{"preferredLanguage", `{"preferredLanguage": "en-US"}`, want{"preferredLanguage": "en-US"}, "4.1.1", userAttr("preferredLanguage")},
	{"locale", `{"locale": "en-US"}`, want{"locale": "en-US"}, "4.1.1", userAttr("locale")},
	{"timezone", `{"timezone": "Europe/Zurich"}`, want{"timezone": "Europe/Zurich"}, "4.1.1", userAttr("timezone")},
	{"active-true", `{"active": true}`, want{"active": true}, "4.1.1", userAttr("active")},
	{"active-false", `{"active": false}`, want{"active": false}, "4.1.1", userAttr("active")},
	{"emails", `{"emails": [{"value": "w-{tag}@verify.example", "type": "work", "primary": true}, {"value": "h-{tag}@verify.example", "type": "home"}]}`,
		want{"emails.#": 2, "emails[type=work].value": "w-{tag}@verify.example", "emails[type=work].primary": true, "emails[type=home].value": "h-{tag}@verify.example"}, "4.1.2", userAttr("emails")},
	{"phoneNumbers", `{"phoneNumbers": [{"value": "+1 201 555 0123", "type": "work"}, {"value": "+1 201 555 0124", "type": "mobile"}]}`,
		want{"phoneNumbers.#": 2, "phoneNumbers[type=mobile].type": "mobile", "phoneNumbers[type=work].value": present}, "4.1.2", userAttr("phoneNumbers")},
	{"ims", `{"ims": [{"value": "vera", "type": "xmpp"}]}`, want{"ims[type=xmpp].value": "vera"}, "4.1.2", userAttr("ims")},
	{"photos", `{"photos": [{"value": "https://verify.example/vera.png", "type": "photo"}]}`, want{"photos[type=photo].value": "https://verify.example/vera.png"}, "4.1.2", userAttr("photos")},
	{"addresses", `{"addresses": [{"type": "work", "streetAddress": "1 Test Way", "locality": "Bern", "region": "BE", "postalCode": "3000", "country": "CH"}]}`,
		want{"addresses[type=work].locality": "Bern", "addresses[type=work].streetAddress": "1 Test Way", "addresses[type=work].postalCode": "3000", "addresses[type=work].country": "CH"}, "4.1.2", userAttr("addresses")},
	{"entitlements", `{"entitlements": [{"value": "e1"}, {"value": "e2"}]}`, want{"entitlements.#": 2, "entitlements[value=e2].value": "e2"}, "4.1.2", userAttr("entitlements")},
	{"roles", `{"roles": [{"value": "admin", "display": "Admin", "primary": true}, {"value": "reader"}]}`, want{"roles.#": 2, "roles[value=admin].value": "admin", "roles[value=admin].primary": true}, "4.1.2", userAttr("roles")},
	{"x509Certificates", `{"x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQA="}]}`, want{"x509Certificates.#": 1}, "4.1.2", userAttr("x509Certificates")},
	{"enterprise", `{"{ent}": {"employeeNumber": "701984", "costCenter": "4130", "organization": "Verify", "division": "Tests", "department": "Tours"}}`,
		want{enterpriseURN + ":employeeNumber": "701984", enterpriseURN + ":costCenter": "4130", enterpriseURN + ":organization": "Verify", enterpriseURN + ":division": "Tests", enterpriseURN + ":department": "Tours"}, "4.3", NeedEnterprise},
	{"unicode", `{"displayName": "Žofia 東京 😀"}`, want{"displayName": "Žofia 東京 😀"}, "2.3.1", userAttr("displayName")},
	{"whitespace", `{"displayName": "  two  spaces  "}`, want{"displayName": present}, "2.3.1", userAttr("displayName")},
	{"html", `{"displayName": "<b>&amp;\"quoted\"</b>"}`, want{"displayName": `<b>&amp;"quoted"</b>`}, "2.3.1", userAttr("displayName")},
}

// attributeCases are the attributes of RFC 7643 §4, given and read back, and
// the rules every attribute obeys.
func attributeCases() []Case {
	var cases []Case
	for _, row := range attributeRows {
		cases = append(cases, must("rfc7643-"+row.section+"-keeps-"+strings.ToLower(row.name), row.name+" comes back as it was given", func(t *trial) {
			u := t.user(row.overlay)
			t.read(u.path).has(row.back)
		}).need(row.need))
	}
	cases = append(cases,
		must("rfc7643-4.3-manager", "the manager's value comes back", func(t *trial) {
			boss := t.user("")
			u := t.user(t.with(`{"{ent}": {"manager": {"value": "{boss}"}}}`, "{boss}", boss.id))
			t.read(u.path).has(want{enterpriseURN + ":manager.value": boss.id})
		}).need(NeedEnterprise, enterpriseAttr("manager")),
		must("rfc7643-2.2-readonly-ignored", "a readOnly attribute sent on create is ignored", func(t *trial) {
			u := t.user(`{"groups": [{"value": "gbv-none", "display": "Made up"}]}`)
			t.read(u.path).has(want{"groups": nil})
		}).need(userAttr("groups")).mean("a client could claim any group"),
		must("rfc7643-2.5-null-unassigned", "null is as good as absent", func(t *trial) {
			res := t.create("/Users", t.with(`{"schemas": ["`+userURN+`"], "userName": "{name}", "title": null, "emails": null}`, "{name}", t.newName())).isStatus(201)
			res.has(want{"title": nil, "emails": nil})
		}).mean("Entra sends null for what is not set"),
		must("rfc7643-2.5-empty-unassigned", "an empty array is as good as absent", func(t *trial) {
			t.create("/Users", t.userBody(t.newName(), `{"roles": [], "phoneNumbers": []}`)).isStatus(201).has(want{"roles": nil, "phoneNumbers": nil})
		}).mean("Okta and Entra send empty arrays for what is not set"),
		must("rfc7643-2.4-one-primary", "two primary values are refused or reduced to one", func(t *trial) {
			res := t.create("/Users", t.userBody(t.newName(), `{"emails": [{"value": "a-{tag}@verify.example", "type": "work", "primary": true}, {"value": "b-{tag}@verify.example", "type": "home", "primary": true}]}`))
			if res.Status == 400 {
				return
			}
			res.isStatus(201)
			t.ok(primaries(res.doc, "emails") <= 1, "at most one primary address, or HTTP 400", "%d primary addresses", primaries(res.doc, "emails"))
		}),
		must("rfc7643-2.3-string-for-boolean", "a boolean attribute is answered as JSON true or false", func(t *trial) {
			doc := t.read(t.user(`{"active": true}`).path).doc
			_, ok := lookup(doc, "active").(bool)
			t.ok(ok, "active as JSON true", "%s", show(lookup(doc, "active")))
		}).need(userAttr("active")),
		must("rfc7643-3.1-lastmodified-moves", "lastModified moves on when the user changes", func(t *trial) {
			u := t.user("")
			before := instant(t, t.read(u.path).doc, "meta.lastModified")
			t.ask("PUT", u.path, t.userBody(u.name, `{"displayName": "Changed {tag}"}`)).isStatus(200)
			after := instant(t, t.read(u.path).doc, "meta.lastModified")
			t.ok(!after.Before(before), "a lastModified not before "+before.String(), "%s", after)
		}),
		must("rfc7643-3.1-created-stays", "created stays when the user changes", func(t *trial) {
			u := t.user("")
			before := lookupString(t.read(u.path).doc, "meta.created")
			t.ask("PUT", u.path, t.userBody(u.name, `{"displayName": "Changed {tag}"}`)).isStatus(200)
			t.read(u.path).has(want{"meta.created": before})
		}),
	)
	return area("Attributes", "what the identity provider sent is lost, and sent again at every cycle", cases)
}

func primaries(doc any, attr string) int {
	n := 0
	for _, e := range lookupList(doc, attr) {
		if lookup(e, "primary") == true {
			n++
		}
	}
	return n
}
