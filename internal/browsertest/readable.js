(() => {
	const problems = [];
	const say = (text, el) => problems.push(text + (el ? ": " + el.outerHTML.slice(0, 120) : ""));

	const rgba = (text) => {
		const n = text.match(/[\d.]+/g).map(Number);
		return n.length < 4 ? [...n, 1] : n;
	};
	// WCAG 2.2, relative luminance.
	const luminance = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const behind = (el) => {
		for (; el; el = el.parentElement) {
			const c = rgba(getComputedStyle(el).backgroundColor);
			if (c[3] === 1) return c;
		}
		return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
	};
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = texts.nextNode()); ) {
		const el = n.parentElement;
		if (!n.data.trim() || !el.checkVisibility()) continue;
		const [a, b] = [luminance(rgba(getComputedStyle(el).color)), luminance(behind(el))];
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) say("contrast of " + ratio.toFixed(2), el);
	}

	if (!document.documentElement.lang) say("no language");
	if (!document.title) say("no title");
	if (document.querySelectorAll("h1").length !== 1) say("not one h1");
	if (document.querySelectorAll("main").length !== 1) say("not one main");
	for (const el of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
		if (!el.labels.length && !el.ariaLabel) say("no label", el);
	}
	for (const el of document.querySelectorAll("button, a")) {
		if (!el.textContent.trim() && !el.ariaLabel) say("no name", el);
	}
	for (const el of document.querySelectorAll("th")) {
		if (!el.scope) say("no scope", el);
	}
	for (const el of document.querySelectorAll("a, button, input:not([type=hidden]), select")) {
		el.focus({ focusVisible: true });
		const s = getComputedStyle(el);
		if (el.matches(":focus-visible") && (s.outlineStyle === "none" || parseFloat(s.outlineWidth) < 2)) say("the focus does not show", el);
	}
	document.activeElement.blur();
	return problems;
})()
