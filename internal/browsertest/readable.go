package browsertest

import (
	_ "embed"
	"strconv"
	"strings"

	"github.com/chromedp/chromedp"
)

//go:embed readable.js
var readable string

// Readable fails the test when some people could not use the page, in light or
// in dark: text with less contrast than WCAG 2.2 AA asks for (4.5 to 1), a field
// or button without a name, a page without a language, a title or one main
// heading, an element that takes the focus and does not show it, or a page wider
// than a telephone.
func (b *Tab) Readable() {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(scheme)
		for _, problem := range get(b, "look at the page", chromedp.Evaluate[[]string](readable)) {
			b.t.Errorf("%s, %s: %s", b.URL().Path, scheme, problem)
		}
	}
	b.do("make it narrow", chromedp.EmulateViewport(360, 740))
	if wide := get(b, "measure the page", chromedp.Evaluate[int]("document.documentElement.scrollWidth")); wide > 360 {
		b.t.Errorf("%s is %d pixels wide on a screen of 360", b.URL().Path, wide)
	}
	b.Shot("narrow-" + b.URL().Hostname() + strings.ReplaceAll(b.URL().Path, "/", "-"))
	b.do("make it wide again", chromedp.EmulateViewport(width, height))
	b.Scheme("light")
}

func quote(text string) string { return strconv.Quote(text) }
