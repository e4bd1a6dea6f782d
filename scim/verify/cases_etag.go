package verify

// etagCases are versions and preconditions (RFC 7644 §3.14), where offered.
func etagCases() []Case {
	change := `[{"op":"replace","path":"displayName","value":"Changed {tag}"}]`
	refused := func(id, title string, try func(t *trial, u resource, stale string) *reply) Case {
		return must("rfc7644-3.14-"+id, title, func(t *trial) {
			u := t.versioned()
			t.patch(u.path, `[{"op":"replace","path":"displayName","value":"First {tag}"}]`).isStatus(200, 204)
			try(t, u, u.etag).isError(412, "")
			t.read(u.path).has(want{"displayName": "First {tag}"})
		}).need(NeedPatch)
	}
	return area("Versions", "two writers overwrite each other, or everything is read again though nothing changed", []Case{
		must("rfc7644-3.14-header", "GET answers an ETag equal to meta.version", func(t *trial) {
			res := t.read(t.user("").path)
			etag := res.Header.Get("ETag")
			t.ok(etag != "", "an ETag header", "none")
			t.ok(lookupString(res.doc, "meta.version") == etag, "meta.version "+etag, "%s", show(lookup(res.doc, "meta.version")))
		}),
		must("rfc7644-3.14-create", "POST answers an ETag", func(t *trial) {
			res := t.create("/Users", t.userBody(t.newName(), "")).isStatus(201)
			t.ok(res.Header.Get("ETag") != "", "an ETag header", "none")
		}),
		must("rfc7644-3.14-form", "an ETag is an entity tag, in quotes", func(t *trial) {
			etag := t.versioned().etag
			t.ok(len(etag) > 2 && etag[len(etag)-1] == '"' && (etag[0] == '"' || contains(etag, `W/"`)), `"…" or W/"…"`, "%s", etag)
		}),
		must("rfc7644-3.14-changes", "the ETag changes with the user", func(t *trial) {
			u := t.versioned()
			t.patch(u.path, change).isStatus(200, 204)
			after := t.read(u.path).Header.Get("ETag")
			t.ok(after != u.etag, "another ETag than "+u.etag, "the same")
		}).need(NeedPatch),
		must("rfc7644-3.14-stays", "the ETag stays while the user does", func(t *trial) {
			u := t.versioned()
			after := t.read(u.path).Header.Get("ETag")
			t.ok(after == u.etag, "ETag "+u.etag, "%s", after)
		}),
		must("rfc7644-3.14-not-modified", "GET with If-None-Match of the version answers 304", func(t *trial) {
			u := t.versioned()
			res := t.get(u.path, "If-None-Match", u.etag).isStatus(304)
			t.ok(len(res.Body) == 0, "no body", "%d bytes", len(res.Body))
		}),
		must("rfc7644-3.14-modified", "GET with If-None-Match of another version answers 200", func(t *trial) {
			t.get(t.versioned().path, "If-None-Match", `W/"gbv-other"`).isStatus(200)
		}),
		must("rfc7644-3.14-not-modified-list", "If-None-Match may list versions", func(t *trial) {
			u := t.versioned()
			t.get(u.path, "If-None-Match", `W/"gbv-other", `+u.etag).isStatus(304)
		}),
		refused("put-stale", "PUT with If-Match of an older version answers 412 and changes nothing", func(t *trial, u resource, stale string) *reply {
			return t.ask("PUT", u.path, t.userBody(u.name, `{"displayName": "Second {tag}"}`), "If-Match", stale)
		}),
		refused("patch-stale", "PATCH with If-Match of an older version answers 412 and changes nothing", func(t *trial, u resource, stale string) *reply {
			return t.patch(u.path, change, "If-Match", stale)
		}),
		refused("delete-stale", "DELETE with If-Match of an older version answers 412 and deletes nothing", func(t *trial, u resource, stale string) *reply {
			return t.ask("DELETE", u.path, nil, "If-Match", stale)
		}),
		must("rfc7644-3.14-put-current", "PUT with If-Match of the version succeeds", func(t *trial) {
			u := t.versioned()
			t.ask("PUT", u.path, t.userBody(u.name, ""), "If-Match", u.etag).isStatus(200)
		}),
		must("rfc7644-3.14-patch-current", "PATCH with If-Match of the version succeeds", func(t *trial) {
			u := t.versioned()
			t.patch(u.path, change, "If-Match", u.etag).isStatus(200, 204)
		}).need(NeedPatch),
		must("rfc7644-3.14-delete-current", "DELETE with If-Match of the version succeeds", func(t *trial) {
			u := t.versioned()
			t.ask("DELETE", u.path, nil, "If-Match", u.etag).isStatus(204)
		}),
		must("rfc7644-3.14-star", "If-Match * succeeds where the user is", func(t *trial) {
			u := t.user("")
			t.patch(u.path, change, "If-Match", "*").isStatus(200, 204)
		}).need(NeedPatch),
		must("rfc7644-3.14-star-none", "If-Match * where nobody is answers 404 or 412", func(t *trial) {
			t.patch(t.fill("/Users/{tag}-none"), change, "If-Match", "*").isStatus(404, 412)
		}).need(NeedPatch),
		must("rfc7644-3.14-list-versions", "resources in a list carry meta.version", func(t *trial) {
			u := t.versioned()
			t.query("/Users", "filter", `userName eq "`+u.name+`"`).isStatus(200).has(want{"Resources[0].meta.version": u.etag})
		}).need(NeedFilter),
		must("rfc7644-3.14-group", "groups have versions too, that change with a membership", func(t *trial) {
			u := t.user("")
			g := t.group()
			before := t.read(g.path).Header.Get("ETag")
			t.patch(g.path, `[{"op":"add","path":"members","value":[{"value":"`+u.id+`"}]}]`).isStatus(200, 204)
			after := t.read(g.path).Header.Get("ETag")
			t.ok(before != "" && after != before, "another ETag than "+before, "%s", after)
		}).need(NeedPatch, NeedGroups),
	}, NeedETag)
}

// versioned is a user with the ETag GET gives it.
func (t *trial) versioned() resource {
	u := t.user("")
	u.etag = t.read(u.path).Header.Get("ETag")
	if u.etag == "" {
		t.fail("an ETag header on GET "+u.path, "none")
	}
	return u
}
