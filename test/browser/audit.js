// What is wrong with the page for somebody who cannot see it, cannot use a mouse, or has a small window: a list of sentences. It is evaluated in the
// page by the tests. Names of buttons, links and fields are looked up in Chromium's own accessibility tree, by audit_test.go.
(() => {
  const wrong = []
  const all = (selector, within = document) => [...within.querySelectorAll(selector)]
  const shown = e => e.checkVisibility({ visibilityProperty: true, opacityProperty: true })
  const where = e => {
    const text = (e.innerText || e.value || e.getAttribute("name") || "").trim().replace(/\s+/g, " ").slice(0, 40)
    return `<${e.localName}${e.id ? " id=" + e.id : ""}${e.getAttribute("class") ? ` class="${e.getAttribute("class")}"` : ""}> "${text}"`
  }
  const expect = (ok, sentence) => { if (!ok) wrong.push(sentence) }

  expect(document.documentElement.lang, "the page does not say its language")
  expect(document.title.trim(), "the page has no title")
  expect(document.querySelector('meta[name="viewport"][content*="width=device-width"]'), "the page does not adapt to the window's width")
  expect(document.compatMode === "CSS1Compat", "the page has no doctype")

  // Structure.
  const headings = all("h1, h2, h3, h4, h5, h6").filter(shown)
  expect(headings.filter(h => h.localName === "h1").length === 1, `there are ${headings.filter(h => h.localName === "h1").length} h1`)
  headings.forEach((h, i) => {
    const before = i ? +headings[i - 1].localName[1] : 0
    expect(i === 0 || +h.localName[1] <= before + 1, `${where(h)} comes after an h${before}`)
    expect(h.innerText.trim(), `${where(h)} is empty`)
  })
  expect(all("main").length === 1, `there are ${all("main").length} main`)
  expect(all("header").some(h => !h.closest("main, article, section")), "there is no header")
  for (const nav of all("nav")) expect(all("nav").length === 1 || nav.ariaLabel || nav.getAttribute("aria-labelledby"), `${where(nav)} is one of several without a name`)
  const ids = new Map()
  for (const e of all("[id]")) ids.set(e.id, (ids.get(e.id) || 0) + 1)
  for (const [id, n] of ids) expect(n === 1, `${n} elements have the id ${id}`)
  for (const attribute of ["for", "aria-labelledby", "aria-describedby", "aria-controls"]) {
    for (const e of all(`[${attribute}]`)) {
      for (const id of e.getAttribute(attribute).split(/\s+/)) expect(ids.has(id), `${where(e)} has ${attribute}=${id}, which is not there`)
    }
  }
  for (const i of all("img")) expect(i.hasAttribute("alt"), `${where(i)} has no alt`)
  for (const s of all("svg")) {
    expect(s.closest("[aria-hidden=true]") || s.getAttribute("role") === "img" && (s.ariaLabel || s.getAttribute("aria-labelledby") || s.querySelector("title")),
      `${where(s.parentElement)} has an svg that is neither hidden nor named`)
  }
  for (const t of all("table").filter(shown)) {
    expect(t.caption || t.ariaLabel || t.getAttribute("aria-labelledby"), `${where(t)} has no caption`)
    for (const h of all("th", t)) expect(h.scope, `${where(h)} has no scope`)
    expect(all("th", t).length, `${where(t)} has no header cell`)
  }
  for (const list of all("ul, ol")) expect([...list.children].every(c => ["li", "template", "script"].includes(c.localName)), `${where(list)} has children that are no items`)
  for (const t of all("time")) expect(t.dateTime && !isNaN(Date.parse(t.dateTime)), `${where(t)} has no datetime`)
  for (const e of all("[tabindex]")) expect(e.tabIndex <= 0, `${where(e)} has tabindex ${e.tabIndex}`)
  for (const e of all("[style], style, script:not([src])")) expect(e.localName === "script" && e.type === "application/json", `${where(e)} is an inline style or script`)
  for (const a of all("a[target=_blank]")) expect(a.relList.contains("noopener") || a.relList.contains("noreferrer"), `${where(a)} lets the other page reach this one`)
  for (const a of all("a")) expect(a.hasAttribute("href"), `${where(a)} leads nowhere`)

  // Every field has a label that can be seen or heard.
  const fields = all("input:not([type=hidden]):not([type=submit]):not([type=button]), select, textarea")
  for (const f of fields) {
    expect(f.labels?.length || f.ariaLabel || f.getAttribute("aria-labelledby"), `${where(f)} named ${f.name} has no label`)
    if (f.getAttribute("aria-invalid") === "true") expect(f.hasAttribute("aria-describedby") || f.hasAttribute("aria-errormessage"), `${where(f)} is invalid and does not say why`)
  }

  // The first thing that Tab reaches skips to the content.
  const reachable = all("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]").filter(e => e.tabIndex >= 0 && !e.disabled && shown(e))
  const skip = reachable[0]
  expect(!skip || skip.matches('a[href^="#"]') && document.getElementById(skip.hash.slice(1)), "the first thing that Tab reaches is no skip link")

  // Focus can be seen: the look of what has it differs.
  const look = e => { const s = getComputedStyle(e); return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor, s.backgroundColor, s.textDecoration].join("|") }
  const focused = document.activeElement
  for (const e of reachable) {
    e.blur()
    const before = look(e)
    e.focus({ preventScroll: true, focusVisible: true })
    if (document.activeElement === e) expect(look(e) !== before, `${where(e)} looks the same with the focus`)
    e.blur()
  }
  focused?.focus({ preventScroll: true })

  // What is pressed is large enough: 24 by 24 CSS pixels (WCAG 2.2, 2.5.8), links in text excepted.
  for (const e of all("button, input:not([type=hidden]):not([type=checkbox]):not([type=radio]), select, textarea, nav a").filter(shown)) {
    const box = e.getBoundingClientRect()
    if (e.matches("[class*=skip]") || box.width <= 1) continue
    expect(box.width >= 24 && box.height >= 24, `${where(e)} is ${Math.round(box.width)} by ${Math.round(box.height)} pixels`)
  }

  // A word stays in one piece, and a field shows more than a few letters.
  const range = document.createRange()
  for (const e of all("label, button, th, nav a, summary, legend, dt, .button").filter(shown)) {
    const texts = document.createTreeWalker(e, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
      for (const word of texts.currentNode.data.matchAll(/\p{L}{2,16}/gu)) {
        range.setStart(texts.currentNode, word.index)
        range.setEnd(texts.currentNode, word.index + word[0].length)
        const lines = new Set([...range.getClientRects()].map(r => Math.round(r.top)))
        expect(lines.size <= 1, `${where(e)} has the word ${word[0]} on ${lines.size} lines`)
      }
    }
  }
  for (const f of fields.filter(f => shown(f) && /^(text|search|password|url|email)$/.test(f.type))) {
    const width = f.getBoundingClientRect().width
    expect(width >= 80, `${where(f)} named ${f.name} is only ${Math.round(width)} pixels wide`)
  }

  // Contrast of text (WCAG 2.2, 1.4.3): 4.5, and 3 where it is large.
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
  const told = new Set()
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
    const sentence = `the contrast of ${what} ${where(e)} is ${ratio.toFixed(2)}, less than ${enough}`
    if (ratio < enough && !told.has(e.className + what)) {
      told.add(e.className + what)
      wrong.push(sentence)
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
    contrast(f, getComputedStyle(f).color, "what is typed into")
    if (f.placeholder) contrast(f, getComputedStyle(f, "::placeholder").color, "the placeholder of")
  }

  // Nothing has to be scrolled sideways but what scrolls in a box of its own, which the keyboard has to reach.
  const width = document.documentElement.clientWidth
  if (document.documentElement.scrollWidth > width) {
    const wide = all("body *").filter(e => shown(e) && e.getBoundingClientRect().right > width + 1 && !e.parentElement.closest("[data-reported]"))
    wrong.push(`the page is ${document.documentElement.scrollWidth} pixels wide in a window of ${width}: ${wide.slice(0, 4).map(where).join(", ")}`)
  }
  for (const e of all("body *").filter(shown)) {
    const s = getComputedStyle(e)
    if (/auto|scroll/.test(s.overflowX) && e.scrollWidth > e.clientWidth + 1 && !["textarea", "select", "input"].includes(e.localName)) {
      expect(e.tabIndex >= 0 || e.querySelector("a, button, input"), `${where(e)} scrolls sideways and cannot be reached by keyboard`)
    }
  }
  return wrong
})()
