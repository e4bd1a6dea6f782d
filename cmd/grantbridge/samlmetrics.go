package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"grantbridge/saml/signin"
)

// signInMetrics are what /metrics shows of signing in.
type signInMetrics struct {
	s        *server
	attempts *prometheus.CounterVec
}

func newSignInMetrics(s *server) *signInMetrics {
	m := &signInMetrics{s: s, attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "grantbridge_sign_ins_total", Help: "Attempts to sign in, by what they came to and why.",
	}, []string{"source", "outcome", "reason"})}
	s.registry.MustRegister(m, m.attempts)
	return m
}

func (m *signInMetrics) kept(source, outcome string, reason signin.Reason) {
	m.attempts.WithLabelValues(source, outcome, string(reason)).Inc()
}

var (
	descCertificate = prometheus.NewDesc("grantbridge_saml_certificate_expires_timestamp_seconds",
		"When a certificate of SAML sign-in ends; whose is idp or ours.", []string{"source", "whose", "fingerprint"}, nil)
	descMetadata = prometheus.NewDesc("grantbridge_saml_metadata_fetched_timestamp_seconds",
		"When the metadata of a source were last good and new.", []string{"source"}, nil)
	descMetadataFails = prometheus.NewDesc("grantbridge_saml_metadata_failing", "1 when the last fetch of metadata came to nothing.", []string{"source"}, nil)
	descKeysWaiting   = prometheus.NewDesc("grantbridge_saml_certificates_waiting", "New certificates of a source that wait to be trusted.", []string{"source"}, nil)
	descSAMLClosed    = prometheus.NewDesc("grantbridge_saml_closed", "1 when nobody can sign in at a source because it cannot be served.", []string{"source"}, nil)
)

// Describe lists the metrics.
func (m *signInMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descCertificate, descMetadata, descMetadataFails, descKeysWaiting, descSAMLClosed, descOIDCClosed, descOIDCFailing} {
		ch <- d
	}
}

// Collect reads what the live door was made of.
func (m *signInMetrics) Collect(ch chan<- prometheus.Metric) {
	g := m.s.live.Load()
	if g == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	live := g.signIn.Load()
	for name, source := range live.sources {
		if source.Provider == nil { // it speaks OpenID Connect
			continue
		}
		gauge(descSAMLClosed, 0, name)
		for _, c := range source.Provider.Certificates() {
			whose := "idp"
			if c.Ours {
				whose = "ours"
			}
			gauge(descCertificate, float64(c.Ends.Unix()), name, whose, c.Fingerprint[:16])
		}
	}
	for name := range live.closed {
		if g.cfg.Sources[name].OIDC == nil {
			gauge(descSAMLClosed, 1, name)
		}
	}
	collectOIDC(g, live, gauge)
	for _, f := range live.fetched {
		c := g.cfg.Sources[f.Source].SAML
		if c == nil || f.URL != c.MetadataURL {
			continue
		}
		_, k := keptMetadata(f.Source, c, live.fetched)
		failing := 0.0
		if f.Failure != "" {
			failing = 1
		}
		gauge(descMetadataFails, failing, f.Source)
		gauge(descKeysWaiting, float64(len(k.Waiting(c.Metadata.EntityID))), f.Source)
		if !f.Fetched.IsZero() {
			gauge(descMetadata, float64(f.Fetched.Unix()), f.Source)
		}
	}
}
