// Returns the problems of the page for users who cannot see it, cannot use a mouse, or have a small window: a list of sentences.
// The tests evaluate it in the page. audit_test.go checks the names of buttons, links and fields in Chromium's accessibility tree.
(() => {
  const problems = []
  const all = (selector, within = document) => [...within.querySelectorAll(selector)]
  const shown = e => e.checkVisibility({ visibilityProperty: true, opacityProperty: true })
  const describe = e => {
    const text = (e.innerText || e.value || e.getAttribute("name") || "").trim().replace(/\s+/g, " ").slice(0, 40)
    return `<${e.localName}${e.id ? " id=" + e.id : ""}${e.getAttribute("class") ? ` class="${e.getAttribute("class")}"` : ""}> "${text}"`
  }
  const expect = (ok, sentence) => { if (!ok) problems.push(sentence) }

  expect(document.documentElement.lang, "the page does not name its language")
  expect(document.title.trim(), "the page has no title")
  expect(document.querySelector('meta[name="viewport"][content*="width=device-width"]'), "the page does not adapt to the window's width")
  expect(document.compatMode === "CSS1Compat", "the page has no doctype")

  // Structure.
  const headings = all("h1, h2, h3, h4, h5, h6").filter(shown)
  expect(headings.filter(h => h.localName === "h1").length === 1, `there are ${headings.filter(h => h.localName === "h1").length} h1`)
  headings.forEach((h, i) => {
    const before = i ? +headings[i - 1].localName[1] : 0
    expect(i === 0 || +h.localName[1] <= before + 1, `${describe(h)} comes after an h${before}`)
    expect(h.innerText.trim(), `${describe(h)} is empty`)
  })
  expect(all("main").length === 1, `there are ${all("main").length} main`)
  expect(all("header").some(h => !h.closest("main, article, section")), "there is no header")
  for (const nav of all("nav")) expect(all("nav").length === 1 || nav.ariaLabel || nav.getAttribute("aria-labelledby"), `${describe(nav)} is one of several, and has no name`)
  const ids = new Map()
  for (const e of all("[id]")) ids.set(e.id, (ids.get(e.id) || 0) + 1)
  for (const [id, n] of ids) expect(n === 1, `${n} elements have the id ${id}`)
  for (const attribute of ["for", "aria-labelledby", "aria-describedby", "aria-controls"]) {
    for (const e of all(`[${attribute}]`)) {
      for (const id of e.getAttribute(attribute).split(/\s+/)) expect(ids.has(id), `${describe(e)} has ${attribute}=${id}, which does not exist`)
    }
  }
  for (const i of all("img")) expect(i.hasAttribute("alt"), `${describe(i)} has no alt`)
  for (const s of all("svg")) {
    expect(s.closest("[aria-hidden=true]") || s.getAttribute("role") === "img" && (s.ariaLabel || s.getAttribute("aria-labelledby") || s.querySelector("title")),
      `${describe(s.parentElement)} has an svg that is neither hidden nor named`)
  }
  for (const t of all("table").filter(shown)) {
    expect(t.caption || t.ariaLabel || t.getAttribute("aria-labelledby"), `${describe(t)} has no caption`)
    for (const h of all("th", t)) expect(h.scope, `${describe(h)} has no scope`)
    expect(all("th", t).length, `${describe(t)} has no header cell`)
  }
  for (const list of all("ul, ol")) expect([...list.children].every(c => ["li", "template", "script"].includes(c.localName)), `${describe(list)} has children that are not items`)
  for (const t of all("time")) expect(t.dateTime && !isNaN(Date.parse(t.dateTime)), `${describe(t)} has no datetime`)
  for (const e of all("[tabindex]")) expect(e.tabIndex <= 0, `${describe(e)} has tabindex ${e.tabIndex}`)
  for (const e of all("[style], style, script:not([src])")) expect(e.localName === "script" && e.type === "application/json", `${describe(e)} is an inline style or script`)
  for (const a of all("a[target=_blank]")) expect(a.relList.contains("noopener") || a.relList.contains("noreferrer"), `${describe(a)} gives the other page access to this one`)
  for (const a of all("a")) expect(a.hasAttribute("href"), `${describe(a)} has no address`)

  // Every field has a label.
  const fields = all("input:not([type=hidden]):not([type=submit]):not([type=button]), select, textarea")
  for (const f of fields) {
    expect(f.labels?.length || f.ariaLabel || f.getAttribute("aria-labelledby"), `${describe(f)} named ${f.name} has no label`)
    if (f.getAttribute("aria-invalid") === "true") expect(f.hasAttribute("aria-describedby") || f.hasAttribute("aria-errormessage"), `${describe(f)} is invalid, and no text describes the error`)
  }

  // The first element that Tab reaches is a link that skips to the content.
  const reachable = all("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]").filter(e => e.tabIndex >= 0 && !e.disabled && shown(e))
  const skip = reachable[0]
  expect(!skip || skip.matches('a[href^="#"]') && document.getElementById(skip.hash.slice(1)), "the first element that Tab reaches is not a skip link")

  // The focus is visible: an element looks different with it.
  const styleOf = e => { const s = getComputedStyle(e); return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor, s.backgroundColor, s.textDecoration].join("|") }
  const focused = document.activeElement
  for (const e of reachable) {
    e.blur()
    const before = styleOf(e)
    e.focus({ preventScroll: true, focusVisible: true })
    if (document.activeElement === e) expect(styleOf(e) !== before, `${describe(e)} looks the same with the focus`)
    e.blur()
  }
  focused?.focus({ preventScroll: true })

  // Targets are at least 24 by 24 CSS pixels (WCAG 2.2, 2.5.8), except for links in text.
  for (const e of all("button, input:not([type=hidden]):not([type=checkbox]):not([type=radio]), select, textarea, nav a").filter(shown)) {
    const box = e.getBoundingClientRect()
    if (e.matches("[class*=skip]") || box.width <= 1) continue
    expect(box.width >= 24 && box.height >= 24, `${describe(e)} is ${Math.round(box.width)} by ${Math.round(box.height)} pixels`)
  }

  // No word is broken, and a field shows more than a few letters.
  const range = document.createRange()
  for (const e of all("label, button, th, nav a, summary, legend, dt, .button").filter(shown)) {
    const texts = document.createTreeWalker(e, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
      for (const word of texts.currentNode.data.matchAll(/\p{L}{2,16}/gu)) {
        range.setStart(texts.currentNode, word.index)
        range.setEnd(texts.currentNode, word.index + word[0].length)
        const lines = new Set([...range.getClientRects()].map(r => Math.round(r.top)))
        expect(lines.size <= 1, `${describe(e)} has the word ${word[0]} on ${lines.size} lines`)
      }
    }
  }
  for (const f of fields.filter(f => shown(f) && /^(text|search|password|url|email)$/.test(f.type))) {
    const width = f.getBoundingClientRect().width
    expect(width >= 80, `${describe(f)} named ${f.name} is only ${Math.round(width)} pixels wide`)
  }

  // The contrast of text is at least 4.5, or 3 for large text (WCAG 2.2, 1.4.3).
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })
  const rgba = color => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = color
    canvas.fillRect(0, 0, 1, 1)
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
    return [r, g, b, a / 255]
  }
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1)
  const backing = e => {
    const layers = []
    for (let at = e; at; at = at.parentElement) {
      const c = rgba(getComputedStyle(at).backgroundColor)
      layers.push(c)
      if (c[3] === 1) break
    }
    const base = rgba(matchMedia("(prefers-color-scheme: dark)").matches && /dark/.test(getComputedStyle(document.documentElement).colorScheme) ? "#121212" : "#fff")
    return layers.reduceRight((under, top) => over(top, under), base)
  }
  const luminance = c => {
    const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const reported = new Set()
  const contrast = (e, color, what) => {
    const s = getComputedStyle(e)
    let opacity = 1
    for (let at = e; at; at = at.parentElement) opacity *= +getComputedStyle(at).opacity
    const behind = backing(e), c = rgba(color)
    c[3] *= opacity
    const [a, b] = [luminance(over(c, behind)), luminance(behind)].sort((x, y) => y - x)
    const ratio = (a + 0.05) / (b + 0.05)
    const size = parseFloat(s.fontSize)
    const enough = size >= 24 || size >= 18.66 && +s.fontWeight >= 700 ? 3 : 4.5
    const sentence = `the contrast of ${what} ${describe(e)} is ${ratio.toFixed(2)}, less than ${enough}`
    if (ratio < enough && !reported.has(e.className + what)) {
      reported.add(e.className + what)
      problems.push(sentence)
    }
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement
    if (!texts.currentNode.data.trim() || !shown(e) || e.closest(":disabled, [aria-disabled=true], script, style, noscript, option, title, desc")) continue
    const box = e.getBoundingClientRect()
    if (box.width <= 1 || box.height <= 1 || box.right < 0 || box.bottom < 0) continue // only for screen readers
    contrast(e, e.closest("svg") ? getComputedStyle(e).fill : getComputedStyle(e).color, "the text in")
  }
  for (const f of fields.filter(f => shown(f) && !f.disabled && !["checkbox", "radio"].includes(f.type))) {
    contrast(f, getComputedStyle(f).color, "the value of")
    if (f.placeholder) contrast(f, getComputedStyle(f, "::placeholder").color, "the placeholder of")
  }

  // The page does not scroll sideways. Boxes in it may, if the keyboard reaches them.
  const width = document.documentElement.clientWidth
  if (document.documentElement.scrollWidth > width) {
    const wide = all("body *").filter(e => shown(e) && e.getBoundingClientRect().right > width + 1 && !e.parentElement.closest("[data-reported]"))
    problems.push(`the page is ${document.documentElement.scrollWidth} pixels wide in a window of ${width}: ${wide.slice(0, 4).map(describe).join(", ")}`)
  }
  for (const e of all("body *").filter(shown)) {
    const s = getComputedStyle(e)
    if (/auto|scroll/.test(s.overflowX) && e.scrollWidth > e.clientWidth + 1 && !["textarea", "select", "input"].includes(e.localName)) {
      expect(e.tabIndex >= 0 || e.querySelector("a, button, input"), `${describe(e)} scrolls sideways, and the keyboard does not reach it`)
    }
  }
  return problems
})()
