package verify

import "net/http"

// contentCases are media types (RFC 7644 §3.1, §3.8).
func contentCases() []Case {
	accept := func(id, title, value string, codes ...int) Case {
		return must("rfc7644-3.8-"+id, title, func(t *trial) {
			t.get("/ServiceProviderConfig", "Accept", value).isStatus(codes...)
		})
	}
	send := func(id, title, value string, codes ...int) Case {
		return must("rfc7644-3.8-"+id, title, func(t *trial) {
			t.create("/Users", t.userBody(t.newName(), ""), "Content-Type", value).isStatus(codes...)
		})
	}
	cases := []Case{
		must("rfc7644-3.1-answers-scim-json", "resources are answered as application/scim+json", func(t *trial) { isSCIMType(t.read(t.user("").path)) }),
		must("rfc7644-3.1-lists-scim-json", "lists are answered as application/scim+json", func(t *trial) { isSCIMType(t.query("/Users", "count", "1").isStatus(200)) }),
		accept("accept-scim-json", "Accept: application/scim+json is served", "application/scim+json", 200),
		accept("accept-any", "Accept: */* is served", "*/*", 200),
		accept("accept-charset", "Accept with a charset is served", "application/scim+json; charset=utf-8", 200),
		accept("accept-application-any", "Accept: application/* is served", "application/*", 200),
		accept("accept-list", "Accept with a list is served", "text/html, application/scim+json;q=0.9, */*;q=0.1", 200),
		must("rfc7644-3.8-accept-none", "no Accept is served", func(t *trial) { t.get("/ServiceProviderConfig", "Accept", "").isStatus(200) }),
		accept("accept-json", "Accept: application/json is served", "application/json", 200),
		accept("accept-xml", "Accept of another type alone answers 406, or is answered all the same", "application/xml", 406, 200),
		send("send-scim-json", "a body of application/scim+json is taken", "application/scim+json", 201),
		send("send-charset", "a body of application/scim+json; charset=utf-8 is taken", "application/scim+json; charset=utf-8", 201),
		send("send-json", "a body of application/json is taken", "application/json", 201),
		send("send-case", "a media type is spelt in any case", "Application/SCIM+JSON; Charset=UTF-8", 201),
		must("rfc7644-3.8-utf8", "a body is read as UTF-8", func(t *trial) {
			u := t.user(`{"displayName": "Zoë Žluť 東京 😀"}`)
			t.read(u.path).has(want{"displayName": "Zoë Žluť 東京 😀"})
		}),
	}
	for _, row := range []struct{ id, value string }{{"form", "application/x-www-form-urlencoded"}, {"xml", "application/xml"}, {"text", "text/plain"}} {
		cases = append(cases, should("rfc7644-3.8-refuses-"+row.id, "a body of "+row.value+" answers 415", func(t *trial) {
			t.create("/Users", t.userBody(t.newName(), ""), "Content-Type", row.value).isStatus(415)
		}))
	}
	// RFC 7644 §3.8: clients MAY ask for application/json; servers SHOULD take it.
	for i := range cases {
		if cases[i].ID == "rfc7644-3.8-accept-json" || cases[i].ID == "rfc7644-3.8-send-json" {
			cases[i].Level = Should
		}
	}
	cases = append(cases,
		should("rfc7644-3.2-head", "HEAD answers as GET without a body", func(t *trial) {
			res := t.ask(http.MethodHead, t.user("").path, nil).isStatus(200)
			t.ok(len(res.Body) == 0, "no body", "%d bytes", len(res.Body))
		}),
		should("rfc7644-3.2-head-unknown", "HEAD of an unknown user answers 404", func(t *trial) {
			t.ask(http.MethodHead, t.fill("/Users/{tag}-none"), nil).isStatus(404)
		}),
		should("rfc7644-3.13-version-header", "answers are not cached by whoever stands between", func(t *trial) {
			res := t.read(t.user("").path)
			t.ok(res.Header.Get("Cache-Control") == "" || !contains(res.Header.Get("Cache-Control"), "public"), "no Cache-Control: public", "%s", res.Header.Get("Cache-Control"))
		}),
	)
	return area("Media types", "identity providers send and accept what their authors chose; refusing it refuses all they do", cases)
}
