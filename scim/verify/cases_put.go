package verify

// putCases are replacing a user whole (RFC 7644 §3.5.1).
func putCases() []Case {
	row := func(id, title, overlay string, w want) Case {
		return must("rfc7644-3.5.1-"+id, title, func(t *trial) {
			u := t.user(`{"title": "Old", "nickName": "Oldie", "{ent}": {"department": "Old", "costCenter": "1"}}`)
			t.ask("PUT", u.path, t.userBody(u.name, overlay)).isStatus(200)
			t.read(u.path).has(w)
		})
	}
	return area("Replace", "Okta's wizard applications send every change as PUT: changes are lost, or more is lost than was meant", []Case{
		row("replaces", "PUT replaces what is given", `{"displayName": "New {tag}", "title": "New"}`, want{"displayName": "New {tag}", "title": "New"}).need(userAttr("title")),
		row("emails", "PUT replaces a multi-valued attribute whole", `{"emails": [{"value": "new-{tag}@verify.example", "type": "home"}]}`, want{"emails.#": 1, "emails[type=home].value": "new-{tag}@verify.example"}),
		row("name", "PUT replaces a complex attribute", `{"name": {"familyName": "Anders"}}`, want{"name.familyName": "Anders"}),
		row("inactive", "PUT may deactivate", `{"active": false}`, want{"active": false}).need(userAttr("active")),
		row("extension", "PUT replaces an extension", `{"{ent}": {"department": "New"}}`, want{enterpriseURN + ":department": "New"}).need(NeedEnterprise),
		must("rfc7644-3.5.1-answer", "PUT answers 200 with the whole user", func(t *trial) {
			u := t.user("")
			t.ask("PUT", u.path, t.userBody(u.name, `{"displayName": "New {tag}"}`)).isStatus(200).has(want{"id": u.id, "userName": u.name, "displayName": "New {tag}", "meta.resourceType": "User"})
		}),
		must("rfc7644-3.5.1-removes", "PUT takes away what is given as null", func(t *trial) {
			u := t.user(`{"title": "Old"}`)
			body := t.userBody(u.name, "")
			body["title"] = nil
			t.ask("PUT", u.path, body).isStatus(200)
			t.read(u.path).has(want{"title": nil})
		}).need(userAttr("title")),
		must("rfc7644-3.5.1-rename", "PUT may change userName", func(t *trial) {
			u := t.user("")
			name := t.newName()
			t.ask("PUT", u.path, t.userBody(name, "")).isStatus(200)
			t.read(u.path).has(want{"userName": name, "id": u.id})
		}).mean("people who marry or change domain are stuck with the old name"),
		must("rfc7644-3.5.1-rename-taken", "PUT to a taken userName is refused with 409", func(t *trial) {
			a, b := t.user(""), t.user("")
			t.ask("PUT", b.path, t.userBody(a.name, "")).isError(409, "uniqueness")
			t.read(b.path).has(want{"userName": b.name})
		}),
		must("rfc7644-3.5.1-echo", "PUT takes back what GET gave", func(t *trial) {
			u := t.user(`{"title": "Kept"}`)
			doc := t.read(u.path).doc
			t.ask("PUT", u.path, doc).isStatus(200)
			t.read(u.path).has(want{"id": u.id, "userName": u.name, "emails[type=work].value": u.name})
		}).mean("Okta reads, changes and puts back, with id, meta and groups in it"),
		must("rfc7644-3.5.1-readonly", "PUT ignores readOnly attributes", func(t *trial) {
			u := t.user("")
			t.ask("PUT", u.path, t.userBody(u.name, `{"groups": [{"value": "gbv-none"}], "meta": {"created": "2001-01-01T00:00:00Z"}}`)).isStatus(200)
			t.read(u.path).has(want{"groups": nil, "meta.created": lookupString(u.doc, "meta.created")})
		}),
		must("rfc7644-3.5.1-id", "PUT cannot change the id", func(t *trial) {
			u := t.user("")
			res := t.ask("PUT", u.path, t.userBody(u.name, `{"id": "{tag}-other"}`))
			t.ok(res.Status == 200 || res.Status == 400, "HTTP 200 or 400", "%s", res.says())
			t.read(u.path).has(want{"id": u.id})
		}),
		must("rfc7644-3.5.1-unknown", "PUT to an unknown id answers 404 and creates nobody", func(t *trial) {
			t.ask("PUT", t.fill("/Users/{tag}-none"), t.userBody(t.newName(), "")).isError(404, "")
		}),
		must("rfc7644-3.5.1-no-username", "PUT without userName is refused", func(t *trial) {
			u := t.user("")
			t.ask("PUT", u.path, `{"schemas":["`+userURN+`"],"displayName":"Nameless"}`).isError(400, "")
			t.read(u.path).has(want{"userName": u.name})
		}),
		must("rfc7644-3.5.1-wrong-type", "a refused PUT changes nothing", func(t *trial) {
			u := t.user("")
			t.ask("PUT", u.path, t.userBody(u.name, `{"displayName": "Half", "emails": "wrong"}`)).isError(400, "")
			t.read(u.path).has(want{"displayName": lookup(u.doc, "displayName")})
		}),
		must("rfc7644-3.5.1-twice", "the same PUT twice is the same as once", func(t *trial) {
			u := t.user("")
			body := t.userBody(u.name, `{"displayName": "Twice {tag}"}`)
			t.ask("PUT", u.path, body).isStatus(200)
			t.ask("PUT", u.path, body).isStatus(200)
			t.read(u.path).has(want{"displayName": "Twice {tag}", "emails.#": 1})
		}),
	})
}

// passwordCases are writing a password (RFC 7643 §4.1.1).
func passwordCases() []Case {
	return area("Passwords", "Okta sends a password with every person, also where none is used", []Case{
		must("rfc7643-4.1.1-password-create", "a user may be created with a password", func(t *trial) {
			t.create("/Users", t.userBody(t.newName(), `{"password": "{password}"}`)).isStatus(201)
		}),
		must("rfc7643-4.1.1-password-patch", "a password may be patched and is not answered", func(t *trial) {
			u := t.user("")
			res := t.patch(u.path, `[{"op":"replace","path":"password","value":"{password}"}]`).isStatus(200, 204)
			if res.Status == 200 {
				res.has(want{"password": nil})
			}
		}).need(NeedPatch, NeedPassword),
	})
}
