package main

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var kinds = []string{"app", "pack", "module", "policy", "person", "society", "source", "agent"}

var (
	labelForm  = regexp.MustCompile(`\A[a-z0-9]+(-[a-z0-9]+)*\z`)
	sourceForm = regexp.MustCompile(`\A[a-zA-Z0-9:._-]{1,64}\z`)
	lctForm    = regexp.MustCompile(`\Alct:(` + strings.Join(kinds, "|") + `):[a-z2-7]{32}\z`)
)

func (r *reader) matching(form *regexp.Regexp, name string) string {
	value := r.text()
	require(form.MatchString(value), "E-3", "%s: %q is no %s", r.what, value, name)
	return value
}

func (r *reader) label() string  { return r.matching(labelForm, "label") }
func (r *reader) source() string { return r.matching(sourceForm, "source name") }
func (r *reader) lct() string    { return r.matching(lctForm, "LCT id") }

func (r *reader) phrase() string {
	value := r.text()
	require(utf8.RuneCountInString(value) <= 200 && !hasControl(value), "E-3", "%s: %q is no phrase", r.what, value)
	return value
}

func hasControl(text string) bool { return strings.IndexFunc(text, unicode.IsControl) >= 0 }

func (r *reader) optionalLct() string {
	if !r.present() {
		return ""
	}
	return r.lct()
}

// counters are a module's own.
type counters struct{ in, out, boot int64 }

func (r *reader) counters() counters {
	r.array(3)
	return counters{r.energy(), r.energy(), r.u16()}
}

func (r *reader) optionalCounters() *counters {
	if !r.present() {
		return nil
	}
	value := r.counters()
	return &value
}

func sameCounters(a, b *counters) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
