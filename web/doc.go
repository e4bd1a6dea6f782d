// Package web serves what programs ask over HTTP: decisions, health, metrics.
//
//	POST /access/v1/evaluation                     may this subject do this here?
//	POST /access/v1/evaluations                    up to 1,000 such questions in one
//	POST /access/v1/search/{subject,resource,action}   who may, where may he, what may he?
//	GET  /.well-known/authzen-configuration        where all that is
//	GET  /healthz /readyz /metrics                 process; store, schema, freshness; Prometheus
//
// The decision API is OpenID AuthZEN Authorization API 1.0. Its callers carry an
// API token that may do `decisions:ask` on the platform; that right is asked of
// the same evaluator with the caller's own credential.
//
// A no is an answer: 200 with decision false and its code. Everything that
// cannot be known is a no: an unknown name, a question that lacks a part within
// a batch, a snapshot that is too old. A 4xx means that the call was wrong.
//
// Start with New.
package web
