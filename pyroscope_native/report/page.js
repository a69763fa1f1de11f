// SPDX-FileCopyrightText: The pyroscope_native authors
// SPDX-License-Identifier: Apache-2.0
//
// Draws the profile that page.py put into this document. In order: the data,
// trees merged from it, formatting and colours, the chart, the table, and what
// ties them together. Names come from the profiled program: they go into the
// page as text only.

"use strict";

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("profile").textContent);
$("profile").remove(); // tens of megabytes of text nobody needs twice

// Places of categories in page.py's CATEGORIES.
const CATEGORY_NAMES = ["Application", "Packages", "Standard library", "Native", "Markers"];
const MARKER = 4;

// ---------------------------------------------------------------- The data

/**
 * All stacks as one tree by frame, as they were sent: entries in depth-first
 * order, so that an entry's parent always has a smaller index.
 */
class Stacks {
  constructor() {
    const size = data.frames.length;
    this.size = size;
    this.fn = new Int32Array(size);
    this.line = new Int32Array(size);
    this.parent = new Int32Array(size);
    this.depth = new Int32Array(size);
    this.leaf = new Int32Array(data.values.length); // of each sample
    const path = [];
    let entry = 0;
    for (let sample = 0; sample < this.leaf.length; sample++) {
      let depth = data.shared[sample];
      for (let fresh = data.fresh[sample]; fresh > 0; fresh--, depth++, entry++) {
        const frame = data.frames[entry];
        this.fn[entry] = data.frameFunction[frame];
        this.line[entry] = data.frameLine[frame];
        this.parent[entry] = depth ? path[depth - 1] : -1;
        this.depth[entry] = depth;
        path[depth] = entry;
      }
      this.leaf[sample] = path[depth - 1];
    }
    data.frames = data.shared = data.fresh = null;
  }

  /** Weighs the samples for which `keep(labelSet)` holds. */
  weigh(keep) {
    const kept = data.labelSets.map(keep);
    const { values, labels, scale } = data;
    this.self = new Float64Array(this.size);
    for (let sample = 0; sample < values.length; sample++) {
      if (kept[labels.length ? labels[sample] : 0]) {
        this.self[this.leaf[sample]] += values[sample] * scale;
      }
    }
    this.total = this.self.slice();
    this.sum = 0;
    for (let entry = this.size - 1; entry >= 0; entry--) {
      const parent = this.parent[entry];
      if (parent < 0) this.sum += this.total[entry];
      else this.total[parent] += this.total[entry];
    }
  }

  /** Self and total by function; a recursive function counts once per sample. */
  byFunction() {
    const count = data.names.length;
    const self = new Float64Array(count);
    const total = new Float64Array(count);
    const open = new Int32Array(count); // how often it is on the current path
    const path = [];
    for (let entry = 0; entry < this.size; entry++) {
      const fn = this.fn[entry];
      while (path.length > this.depth[entry]) open[path.pop()]--;
      if (!open[fn]) total[fn] += this.total[entry];
      open[fn]++;
      path.push(fn);
      self[fn] += this.self[entry];
    }
    return { self, total };
  }

  /** The weight of samples with at least one matching function. */
  weightOf(matches) {
    const hit = new Uint8Array(this.size);
    let sum = 0;
    for (let entry = 0; entry < this.size; entry++) {
      const parent = this.parent[entry];
      hit[entry] = matches[this.fn[entry]] || (parent >= 0 && hit[parent]) ? 1 : 0;
      if (hit[entry]) sum += this.self[entry];
    }
    return sum;
  }

  /** Everything, merged by function. */
  tree() {
    const tree = new Tree(-1);
    tree.nodeOf = new Int32Array(this.size).fill(-1);
    tree.total[0] = this.sum;
    for (let entry = 0; entry < this.size; entry++) {
      if (!this.total[entry]) continue; // filtered out
      const parent = this.parent[entry];
      this.add(tree, parent < 0 ? 0 : tree.nodeOf[parent], entry);
    }
    return tree;
  }

  /** What `fn` called, from its outermost calls. */
  callees(fn) {
    const tree = new Tree(fn);
    tree.nodeOf = new Int32Array(this.size).fill(-1);
    for (let entry = 0; entry < this.size; entry++) {
      if (!this.total[entry]) continue;
      const parent = this.parent[entry];
      const above = parent < 0 ? -1 : tree.nodeOf[parent];
      if (above >= 0) {
        this.add(tree, above, entry);
      } else if (this.fn[entry] === fn) {
        tree.nodeOf[entry] = 0;
        tree.total[0] += this.total[entry];
        tree.self[0] += this.self[entry];
      }
    }
    return tree;
  }

  /** Who called `fn`, outwards from its outermost calls. */
  callers(fn) {
    const tree = new Tree(fn);
    const inside = new Uint8Array(this.size);
    for (let entry = 0; entry < this.size; entry++) {
      let above = this.parent[entry];
      inside[entry] = this.fn[entry] === fn || (above >= 0 && inside[above]) ? 1 : 0;
      const weight = this.total[entry];
      if (!weight || !inside[entry] || (above >= 0 && inside[above])) continue;
      tree.total[0] += weight;
      let node = 0;
      for (; above >= 0; above = this.parent[above]) {
        node = tree.child(node, this.fn[above]);
        tree.total[node] += weight;
      }
      tree.self[node] += weight;
    }
    return tree;
  }

  add(tree, above, entry) {
    const node = tree.child(above, this.fn[entry]);
    tree.nodeOf[entry] = node;
    tree.total[node] += this.total[entry];
    tree.self[node] += this.self[entry];
  }

  /** Weight by line within a node of a tree, heaviest first; [] if not known. */
  lines(tree, node) {
    if (!tree.nodeOf) return [];
    const sums = new Map();
    for (let entry = 0; entry < this.size; entry++) {
      if (tree.nodeOf[entry] === node && this.line[entry]) {
        const line = this.line[entry];
        sums.set(line, (sums.get(line) || 0) + this.total[entry]);
      }
    }
    return [...sums].sort((a, b) => b[1] - a[1]);
  }
}

/** A call tree merged by function. Node 0 is its root; parents come first. */
class Tree {
  constructor(rootFn) {
    this.size = 0;
    this.fn = new Int32Array(1024);
    this.parent = new Int32Array(1024);
    this.depth = new Int32Array(1024);
    this.first = new Int32Array(1024); // first child, then its next siblings
    this.next = new Int32Array(1024);
    this.self = new Float64Array(1024);
    this.total = new Float64Array(1024);
    this.slots = new Int32Array(2048); // (parent, fn) -> node + 1, open addressing
    this.sorted = new Map();
    this.append(-1, rootFn);
  }

  append(parent, fn) {
    if (this.size === this.fn.length) this.grow();
    const node = this.size++;
    this.fn[node] = fn;
    this.parent[node] = parent;
    this.first[node] = this.next[node] = -1;
    if (parent >= 0) {
      this.depth[node] = this.depth[parent] + 1;
      this.next[node] = this.first[parent];
      this.first[parent] = node;
    }
    return node;
  }

  child(parent, fn) {
    const mask = this.slots.length - 1;
    let slot = Tree.hash(parent, fn) & mask;
    for (let node; (node = this.slots[slot] - 1) >= 0; slot = (slot + 1) & mask) {
      if (this.parent[node] === parent && this.fn[node] === fn) return node;
    }
    this.slots[slot] = this.size + 1;
    return this.append(parent, fn);
  }

  static hash(parent, fn) {
    const mixed = Math.imul(parent + 1, 0x9e3779b1) ^ Math.imul(fn + 1, 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  grow() {
    for (const key of ["fn", "parent", "depth", "first", "next", "self", "total"]) {
      const bigger = new this[key].constructor(this.size * 2);
      bigger.set(this[key]);
      this[key] = bigger;
    }
    this.slots = new Int32Array(this.size * 4); // never more than half full
    const mask = this.slots.length - 1;
    for (let node = 1; node < this.size; node++) {
      let slot = Tree.hash(this.parent[node], this.fn[node]) & mask;
      while (this.slots[slot]) slot = (slot + 1) & mask;
      this.slots[slot] = node + 1;
    }
  }

  /** Children, heaviest first; sorted only once looked at. */
  children(node) {
    let list = this.sorted.get(node);
    if (!list) {
      list = [];
      for (let kid = this.first[node]; kid >= 0; kid = this.next[kid]) list.push(kid);
      list.sort((a, b) => this.total[b] - this.total[a] || this.fn[a] - this.fn[b]);
      this.sorted.set(node, list);
    }
    return list;
  }

  /** From the root to `node`, both included. */
  path(node) {
    const path = [];
    for (; node >= 0; node = this.parent[node]) path.unshift(node);
    return path;
  }

  /** Where `node` begins, from the left end of the root, as a weight. */
  start(node) {
    let start = 0;
    for (let parent; (parent = this.parent[node]) >= 0; node = parent) {
      for (const sibling of this.children(parent)) {
        if (sibling === node) break;
        start += this.total[sibling];
      }
    }
    return start;
  }
}

// ---------------------------------------------------- Formatting and colours

// Calm and of equal lightness within a theme, so that one text colour suits all.
const HUES = [64, 256, 160, 316, 0];
const SHADES = 7;

function makeTheme(dark) {
  const mix = (lightness, chroma, hue) => `oklch(${lightness} ${chroma} ${hue})`;
  const fills = HUES.map((hue, category) =>
    Array.from({ length: SHADES }, (_, shade) => {
      const lightness = dark ? 0.4 + 0.018 * shade : 0.81 + 0.014 * shade;
      const chroma = category === MARKER ? 0.004 : 0.078;
      return mix(lightness.toFixed(3), chroma, hue + ((shade * 5) % SHADES) * 3 - 9);
    }));
  return {
    fills,
    swatches: fills.map((shades) => shades[3]),
    root: dark ? "#333843" : "#e2e6ec",
    rest: dark ? "#2a2e36" : "#e9ecf0",
    faded: dark ? "#272b33" : "#eceef2",
    fadedText: dark ? "#98a0ae" : "#656e7c",
    text: dark ? "#f3f5f9" : "#1a1d24",
    hatch: dark ? "#ffffff1c" : "#0000001a",
    hover: dark ? "#ffffff" : "#1a1d24",
    ring: dark ? "#a9bcff" : "#2746c7",
  };
}

const THEMES = { light: makeTheme(false), dark: makeTheme(true) };

const NANOSECONDS = { nanoseconds: 1, microseconds: 1e3, milliseconds: 1e6, seconds: 1e9 };
const BYTES = { bytes: 1, kilobytes: 1024, megabytes: 1024 ** 2 };
const NBSP = "\u00a0";

function threeDigits(number) {
  return number >= 99.95 ? String(Math.round(number)) : number.toFixed(number >= 9.995 ? 1 : 2);
}

function formatTime(ns) {
  if (ns < 999.5) return Math.round(ns) + NBSP + "ns";
  if (ns < 999.5e3) return threeDigits(ns / 1e3) + NBSP + "µs";
  if (ns < 999.5e6) return threeDigits(ns / 1e6) + NBSP + "ms";
  const seconds = ns / 1e9;
  if (seconds < 59.995) return threeDigits(seconds) + NBSP + "s";
  if (seconds < 3599.5) return threeDigits(seconds / 60) + NBSP + "min";
  return COUNT.format(threeDigits(seconds / 3600)) + NBSP + "h";
}

function formatBytes(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  for (; bytes >= 1023.5 && unit < units.length - 1; unit++) bytes /= 1024;
  return (unit ? threeDigits(bytes) : bytes) + NBSP + units[unit];
}

const COUNT = new Intl.NumberFormat("en");

function formatValue(value) {
  if (!value) return "0";
  if (data.unit in NANOSECONDS) return formatTime(value * NANOSECONDS[data.unit]);
  if (data.unit in BYTES) return formatBytes(value * BYTES[data.unit]);
  return COUNT.format(value);
}

function formatShare(part, whole) {
  if (!whole || !part) return "0%";
  const percent = (100 * part) / whole;
  if (percent < 0.01) return "<0.01%";
  if (percent > 99.9) return part === whole ? "100%" : "99.9%";
  return percent.toFixed(percent < 9.995 ? 2 : 1) + "%";
}

/** What names are called in narrow places. */
function labelsOf(name) {
  if (name.length > 400) name = name.slice(0, 400);
  const cut = name.search(/[[(]/); // Go: types and receivers may hold slashes
  const head = cut < 0 ? name : name.slice(0, cut);
  const full = name.slice(head.lastIndexOf("/") + 1) || name;
  const tail = /^[\w.<>]+$/.test(full) ? full.slice(full.lastIndexOf(".") + 1) : full;
  return { full, tail: tail || full };
}

/** The functions of the profile, as the page shows them. */
const functions = data.names.map((name, fn) => {
  const [hidden, short] = data.files[data.file[fn]];
  const line = data.line[fn];
  const at = (path) => (path && line ? `${path}:${line}` : path);
  let hash = 0x811c9dc5;
  for (const character of name + "\0" + short) {
    hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193);
  }
  return {
    name,
    ...labelsOf(name),
    file: short,
    base: short.slice(Math.max(short.lastIndexOf("/"), short.lastIndexOf("\\")) + 1),
    where: at(short),
    whereFull: at(hidden + short) || ["", "", "", "built-in or native", "marker"][data.category[fn]],
    category: data.category[fn],
    shade: (hash >>> 8) % SHADES,
  };
});

// ------------------------------------------------------------------ The chart

const NARROWEST = 0.5; // pixels; what is narrower is summed up in one bar
const ZOOM_MS = 180;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const coarse = matchMedia("(pointer: coarse)");

/**
 * One tree on a canvas. The canvas is as large as what can be seen of it and
 * sticks to its scrolling host, so depth costs nothing.
 *
 * A box whose `rest` is not 0 stands for that many of its node's children.
 * `layout` turns the tree into rows of boxes for the range of weights in view
 * (`lo` to `hi`); `paint` draws the rows in sight. Zooming moves the range.
 */
class Chart {
  constructor(host, { label, direction, hideRoot = false }) {
    this.host = host;
    this.canvas = host.querySelector("canvas");
    this.spacer = host.querySelector(".spacer");
    this.context = this.canvas.getContext("2d");
    this.direction = direction;
    this.hidden = hideRoot ? 1 : 0; // rows left out at the root
    this.tree = null;
    this.rows = [];
    this.width = this.height = this.content = 0;
    this.hovered = null;
    this.selected = -1;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "flame graph");
    this.canvas.setAttribute("aria-label", label);
    this.canvas.setAttribute("aria-describedby", "details-text");
    new ResizeObserver(() => this.resize()).observe(host);
    host.addEventListener("scroll", () => this.repaint(), { passive: true });
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => this.hover(null));
    this.canvas.addEventListener("click", (event) => {
      const node = this.nodeOf(this.boxAt(event));
      if (node >= 0) pick(this, node);
    });
    this.canvas.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      const node = this.nodeOf(this.boxAt(event));
      if (node >= 0) openMenu(this, node, event.clientX, event.clientY);
    });
    this.canvas.addEventListener("focus", () => this.repaint());
    this.canvas.addEventListener("blur", () => this.repaint());
  }

  get rowHeight() { return coarse.matches ? 26 : 21; }
  get flame() { return this.direction === "flame"; }
  get zoomedTotal() { return this.tree.total[this.zoomed]; }

  show(tree, zoomed = 0) {
    this.tree = tree;
    this.zoomed = zoomed;
    this.selected = -1;
    this.past = []; // zooms to go back to
    this.lineCache = new Map();
    this.jump();
    this.toRoot();
    if (zoomed) this.reveal(zoomed);
  }

  setDirection(direction) {
    this.direction = direction;
    if (!this.tree) return;
    this.toRoot();
    this.reveal(this.zoomed);
    this.repaint();
  }

  zoom(node, remember = true) {
    if (node === this.zoomed) return;
    if (remember) this.past.push(this.zoomed);
    this.zoomed = node;
    const from = [this.lo, this.hi];
    const start = this.tree.start(node);
    const to = [start, start + this.tree.total[node]];
    cancelAnimationFrame(this.moving);
    if (calm.matches) return this.jump(true);
    const began = performance.now();
    const step = (now) => {
      const part = Math.min(1, Math.max(0, (now - began) / ZOOM_MS));
      if (part === 1) return this.jump(true);
      const eased = 1 - (1 - part) ** 3;
      this.lo = from[0] + (to[0] - from[0]) * eased;
      this.hi = from[1] + (to[1] - from[1]) * eased;
      this.layout();
      this.paint();
      this.moving = requestAnimationFrame(step);
    };
    this.moving = requestAnimationFrame(step);
  }

  /** To the zoomed frame at once. */
  jump(reveal = false) {
    cancelAnimationFrame(this.moving);
    this.moving = 0;
    this.lo = this.tree.start(this.zoomed);
    this.hi = this.lo + this.tree.total[this.zoomed];
    this.layout();
    this.setContent();
    if (reveal) this.reveal(this.zoomed);
    this.repaint();
  }

  resize() {
    this.width = this.host.clientWidth;
    this.height = this.host.clientHeight;
    if (!this.tree || !this.width || !this.height) return;
    const atRoot = this.flame
      ? this.host.scrollTop + this.canvas.clientHeight >= this.content - 1
      : this.host.scrollTop < 1;
    this.sizeCanvas();
    this.jump();
    if (atRoot) this.toRoot();
    if (this.zoomed) this.reveal(this.zoomed);
    this.paint(); // now: a resized canvas is blank
  }

  sizeCanvas() {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.canvas.style.width = this.width + "px";
    this.canvas.style.height = this.height + "px";
  }

  setContent() {
    const before = this.content;
    this.content = Math.max(1, this.rows.length - this.hidden) * this.rowHeight + 6;
    this.spacer.style.height = Math.max(0, this.content - this.height) + "px";
    if (this.flame && before) this.host.scrollTop += this.content - before;
    if (this.onheight) this.onheight(this.content);
  }

  toRoot() {
    this.host.scrollTop = this.flame ? this.content : 0;
  }

  /** The top of a row, from the top of all rows. */
  top(depth) {
    const row = depth - this.hidden;
    return this.flame
      ? Math.max(this.content, this.height) - (row + 1) * this.rowHeight
      : row * this.rowHeight;
  }

  reveal(node) {
    const top = this.top(this.tree.depth[node]);
    const margin = Math.min(2 * this.rowHeight, this.height / 4);
    const { scrollTop } = this.host;
    if (top - margin < scrollTop) this.host.scrollTop = top - margin;
    else if (top + this.rowHeight + margin > scrollTop + this.height) {
      this.host.scrollTop = top + this.rowHeight + margin - this.height;
    }
  }

  layout() {
    const { tree, lo, hi, width } = this;
    const scale = width / (hi - lo || 1);
    const box = (node, depth, from, to, rest = 0) => ({
      node, depth, rest,
      x0: Math.max(0, (from - lo) * scale),
      x1: Math.min(width, (to - lo) * scale),
    });
    this.rows = [];
    let level = [[0, 0]]; // nodes of a row, and where they begin
    for (let depth = 0; level.length; depth++) {
      const row = (this.rows[depth] ||= []);
      const below = [];
      for (const [node, start] of level) {
        row.push(box(node, depth, start, start + tree.total[node]));
        let at = start;
        const kids = tree.children(node);
        for (let index = 0; index < kids.length; index++) {
          const kid = kids[index];
          const total = tree.total[kid];
          if (at >= hi) break;
          if (at + total > lo) {
            if (total * scale < NARROWEST) {
              // All that follow are narrower still: one bar for them together.
              const rest = box(node, depth + 1, at, start + tree.total[node] - tree.self[node], kids.length - index);
              if (rest.x1 - rest.x0 >= NARROWEST) (this.rows[depth + 1] ||= []).push(rest);
              break;
            }
            below.push([kid, at]);
          }
          at += total;
        }
      }
      level = below;
    }
    for (const row of this.rows) row.sort((a, b) => a.x0 - b.x0);
    this.hovered = null;
  }

  boxAt({ clientX, clientY }) {
    const frame = this.canvas.getBoundingClientRect();
    const x = clientX - frame.left;
    const y = clientY - frame.top + this.host.scrollTop;
    const row = this.flame
      ? Math.floor((Math.max(this.content, this.height) - y) / this.rowHeight)
      : Math.floor(y / this.rowHeight);
    const boxes = this.rows[row + this.hidden];
    if (row < 0 || !boxes) return null;
    return boxes.find((box) => box.x0 <= x && x < box.x1) || null;
  }

  /** The node that a click means; of those too narrow, the heaviest. */
  nodeOf(box) {
    if (!box) return -1;
    return box.rest ? this.tree.children(box.node).at(-box.rest) : box.node;
  }

  hover(event) {
    const touch = event && event.pointerType === "touch";
    const box = event && !touch && !this.moving ? this.boxAt(event) : null;
    if (box !== this.hovered) {
      this.hovered = box;
      this.canvas.style.cursor = box ? "pointer" : "default";
      this.repaint();
    }
    showTooltip(this, box, event);
  }

  /** The frame an arrow key leads to from the selected one, or -1. */
  neighbour(key) {
    const depth = this.tree.depth[this.selected];
    const across = key === "ArrowLeft" ? -1 : key === "ArrowRight" ? 1 : 0;
    if (across) {
      const row = this.rows[depth].filter(
        (box) => !box.rest && this.tree.parent[box.node] === this.tree.parent[this.selected]);
      const found = row[row.findIndex((box) => box.node === this.selected) + across];
      return found ? found.node : -1;
    }
    if ((key === "ArrowUp") === this.flame) {
      const kids = (this.rows[depth + 1] || []).filter(
        (box) => !box.rest && this.tree.parent[box.node] === this.selected);
      return kids.length ? kids[0].node : -1;
    }
    return depth > this.hidden ? this.tree.parent[this.selected] : -1;
  }

  lines(node) {
    if (!this.lineCache.has(node)) this.lineCache.set(node, stacks.lines(this.tree, node));
    return this.lineCache.get(node);
  }

  repaint() {
    this.due ||= requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.due);
    this.due = 0;
    if (!this.tree || !this.width) return;
    const { context, rowHeight } = this;
    const ratio = this.canvas.width / this.width;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.font = Chart.font;
    context.textBaseline = "middle";
    const snap = (x) => Math.round(x * ratio) / ratio;
    const paper = this.flame ? Math.max(0, this.content - this.height) : 0;
    const scrollTop = app.printing ? paper : this.host.scrollTop;
    let ring = null;
    for (let depth = this.hidden; depth < this.rows.length; depth++) {
      const y = snap(this.top(depth) - scrollTop);
      if (y <= -rowHeight || y >= this.height) continue;
      for (const box of this.rows[depth]) {
        const x0 = snap(box.x0);
        const gap = box.x1 - box.x0 > 3 ? 1 : 0;
        const width = Math.max(1 / ratio, snap(box.x1) - x0 - gap);
        this.paintBox(box, x0, y, width, rowHeight - 1);
        if (box.node === this.selected && !box.rest) ring = [x0, y, width, rowHeight - 1];
      }
    }
    if (ring) {
      // Over its neighbours, and not cut off where the canvas ends.
      const x = Math.max(1, ring[0]);
      context.strokeStyle = app.colours.ring;
      context.lineWidth = document.activeElement === this.canvas ? 2.5 : 1.5;
      context.strokeRect(x, ring[1] + 1, Math.min(ring[2], this.width - x - 1), ring[3] - 2);
    }
  }

  paintBox(box, x, y, width, height) {
    const { context } = this;
    const { colours } = app;
    const fn = this.tree.fn[box.node];
    const lit = app.lit === null || fn < 0 || (!box.rest && app.lit[fn]);
    context.fillStyle = box.rest ? colours.rest : fn < 0 ? colours.root
      : lit ? colours.fills[functions[fn].category][functions[fn].shade] : colours.faded;
    if (width > 5) {
      context.beginPath();
      context.roundRect(x, y, width, height, 2.5);
      context.fill();
    } else {
      context.fillRect(x, y, width, height);
    }
    if (box.rest) {
      const text = `${COUNT.format(box.rest)} more`;
      context.fillStyle = colours.fadedText;
      if (this.measure(text) <= width - 11) context.fillText(text, x + 6, y + height / 2 + 0.5);
      return;
    }
    if (fn >= 0 && functions[fn].category === MARKER && width > 5) this.paintHatch(x, y, width, height);
    if (box === this.hovered) {
      context.strokeStyle = colours.hover;
      context.lineWidth = 1;
      if (width > 2) context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
    }
    const room = width - 11;
    if (room < 14) return;
    const middle = y + height / 2 + 0.5;
    context.fillStyle = lit ? colours.text : colours.fadedText;
    // Callers of the zoomed frame are drawn as wide as it, but are wider.
    context.globalAlpha = lit && this.tree.depth[box.node] < this.tree.depth[this.zoomed] ? 0.75 : 1;
    const label = this.labelFor(fn, room);
    context.fillText(label.text, x + 6, middle);
    const left = room - label.width - 10;
    if (fn >= 0 && left > 40) {
      const { where, base } = functions[fn];
      context.globalAlpha *= lit ? 0.68 : 0.85;
      if (where && this.measure(where) <= left) {
        context.fillText(where, x + 16 + label.width, middle);
      } else if (base && this.measure(base) <= left) {
        context.fillText(base, x + 16 + label.width, middle);
      }
    }
    context.globalAlpha = 1;
  }

  paintHatch(x, y, width, height) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    context.beginPath();
    for (let at = x - height; at < x + width; at += 7) {
      context.moveTo(at, y + height);
      context.lineTo(at + height, y);
    }
    context.strokeStyle = app.colours.hatch;
    context.lineWidth = 2;
    context.stroke();
    context.restore();
  }

  labelFor(fn, room) {
    const { full, tail } = fn < 0
      ? { full: `all  ${formatValue(this.tree.total[0])}`, tail: "" }
      : functions[fn];
    const width = this.measure(full);
    if (width <= room) return { text: full, width };
    // Rather a shorter class and the whole method than the other way round.
    const end = tail && tail !== full ? tail : "";
    const left = room - (end && this.measure(end));
    if (end && left < 30 && this.measure(tail) <= room) return { text: tail, width: room };
    return left < 30
      ? { text: this.cut(full, "…", room), width: room }
      : { text: this.cut(full.slice(0, full.length - end.length - 1), "…" + end, room), width: room };
  }

  /** As much of `text` as fits before `end`. */
  cut(text, end, room) {
    let length = Math.ceil((text.length * room) / this.measure(text + end)) + 1;
    let shown;
    do {
      shown = text.slice(0, --length).replace(/[\ud800-\udbff]$/, "") + end;
    } while (length > 1 && this.context.measureText(shown).width > room);
    return length > 1 ? shown : "";
  }

  measure(text) {
    let width = Chart.widths.get(text);
    if (width === undefined) {
      width = this.context.measureText(text).width;
      Chart.widths.set(text, width);
    }
    return width;
  }
}
Chart.widths = new Map();
Chart.font = `12px ${getComputedStyle(document.body).fontFamily}`;

// ------------------------------------------------------------------ The table

const SORTS = {
  name: (a, b) => compareText(functions[a].name, functions[b].name),
  file: (a, b) => compareText(functions[a].file, functions[b].file) || functions[a].line - functions[b].line,
  self: (a, b) => app.sums.self[a] - app.sums.self[b] || app.sums.total[a] - app.sums.total[b],
  total: (a, b) => app.sums.total[a] - app.sums.total[b] || app.sums.self[a] - app.sums.self[b],
};
SORTS.selfShare = SORTS.self;
SORTS.totalShare = SORTS.total;

function compareText(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Functions as rows; only those in sight are in the document. */
class FunctionTable {
  constructor() {
    this.host = $("rows");
    this.body = $("tbody");
    this.column = "self";
    this.falling = true;
    this.list = []; // functions, as sorted
    this.at = 0; // the row that Tab leads to
    this.drawn = "";
    this.host.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.host);
    for (const head of $("table").tHead.rows[0].cells) {
      head.firstElementChild.addEventListener("click", () => this.sortBy(head.dataset.column));
    }
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("tr[data-row]");
      if (!row) return;
      const fn = this.list[Number(row.dataset.row)];
      this.at = Number(row.dataset.row);
      if (event.target.closest(".aside")) openSandwich(fn);
      else chooseFunction(fn);
    });
    this.body.addEventListener("dblclick", (event) => {
      const row = event.target.closest("tr[data-row]");
      if (row) openSandwich(this.list[Number(row.dataset.row)]);
    });
    this.body.addEventListener("keydown", (event) => this.key(event));
  }

  get rowHeight() {
    return parseFloat(getComputedStyle($("table")).getPropertyValue("--row")) || 26;
  }

  /** Takes over sums, filter and search. */
  update() {
    this.list = [];
    for (let fn = 0; fn < functions.length; fn++) {
      if (app.sums.total[fn] && (!app.matches || app.matches[fn])) this.list.push(fn);
    }
    this.sort();
    const shown = COUNT.format(this.list.length);
    $("count").textContent = app.matches
      ? `${shown} matching functions`
      : `${shown} ${this.list.length === 1 ? "function" : "functions"}`;
    $("no-rows").hidden = this.list.length > 0;
  }

  sortBy(column) {
    const numeric = column !== "name" && column !== "file";
    this.falling = column === this.column ? !this.falling : numeric;
    this.column = column;
    this.sort();
  }

  sort() {
    const compare = SORTS[this.column];
    const sign = this.falling ? -1 : 1;
    this.list.sort((a, b) => sign * compare(a, b) || SORTS.name(a, b) || a - b);
    for (const head of $("table").tHead.rows[0].cells) {
      if (head.dataset.column !== this.column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", this.falling ? "descending" : "ascending");
    }
    $("table").setAttribute("aria-rowcount", this.list.length + 1);
    this.at = 0;
    this.host.scrollTop = 0;
    this.draw(true);
  }

  draw(anew = false) {
    const height = this.rowHeight;
    const most = app.printing ? 60 : Math.ceil(this.host.clientHeight / height) + 10;
    const from = app.printing ? 0 : Math.max(0, Math.floor(this.host.scrollTop / height) - 5);
    const to = Math.min(this.list.length, from + most);
    const drawn = `${from} ${to} ${height}`;
    if (drawn === this.drawn && !anew) return;
    this.drawn = drawn;
    const focused = this.body.contains(document.activeElement);
    const rows = [this.spacer(from * height)];
    for (let row = from; row < to; row++) rows.push(this.row(row));
    if (!app.printing) rows.push(this.spacer((this.list.length - to) * height));
    this.body.replaceChildren(...rows);
    if (focused) this.focus();
  }

  spacer(height) {
    const cell = make("td");
    cell.style.height = height + "px";
    const row = make("tr", { className: "spacer", hidden: !height }, cell);
    row.setAttribute("aria-hidden", "true");
    return row;
  }

  row(index) {
    const fn = this.list[index];
    const { name, full, where, whereFull, category } = functions[fn];
    const { self, total } = app.sums;
    const swatch = make("i", { className: "swatch" });
    swatch.style.background = app.colours.swatches[category];
    const open = make("button", {
      type: "button", className: "open", title: `${name}\n${whereFull}`, tabIndex: index === this.at ? 0 : -1,
    }, make("span", { textContent: full }), make("small", { textContent: where || CATEGORY_NAMES[category] }));
    const aside = make("button", {
      type: "button", className: "aside", textContent: "⇅", title: "Callers & callees", tabIndex: open.tabIndex,
    });
    aside.setAttribute("aria-label", `Callers and callees of ${full}`);
    const row = make("tr", { className: fn === app.chosen || fn === app.sandwich ? "chosen" : "" },
      make("td", { className: "name" }, make("div", {}, swatch, open, aside)),
      make("td", { className: "file", textContent: where, title: whereFull }));
    for (const value of [self[fn], total[fn]]) {
      const share = make("td", { className: "barred", textContent: formatShare(value, stacks.sum) });
      share.style.setProperty("--bar-size", `${(100 * value) / stacks.sum}%`);
      row.append(make("td", { textContent: value ? formatValue(value) : "–" }), share);
    }
    row.dataset.row = index;
    row.setAttribute("aria-rowindex", index + 2);
    return row;
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.host.clientHeight / this.rowHeight) - 2);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.at = Math.max(0, Math.min(this.list.length - 1, this.at + step));
    const height = this.rowHeight;
    const top = this.at * height;
    const visible = this.host.clientHeight - $("table").tHead.offsetHeight;
    if (top < this.host.scrollTop) this.host.scrollTop = top;
    else if (top + height > this.host.scrollTop + visible) this.host.scrollTop = top + height - visible;
    this.draw(true);
    this.focus();
  }

  focus() {
    const button = this.body.querySelector(`tr[data-row="${this.at}"] .open`);
    if (button) button.focus({ preventScroll: true });
  }
}

// ------------------------------------------------------------ What ties it together

const narrow = matchMedia("screen and (max-width: 760px)");
const preferDark = matchMedia("(prefers-color-scheme: dark)");
const stacks = new Stacks();

const app = {
  view: "both",
  direction: "icicle",
  query: "",
  filters: new Map(), // label -> value
  theme: "", // as chosen; empty follows the system
  sums: null, // by function
  matches: null, // functions found by the search, or null
  chosen: -1, // function picked in the table
  lit: null, // functions not to fade, or null
  sandwich: -1, // function whose callers and callees are shown
  current: null, // what the line of details is about: { chart, node } or { fn }
  printing: false,
  restoring: false, // state from the address: do not write it back
  get dark() {
    return !this.printing && (this.theme ? this.theme === "dark" : preferDark.matches);
  },
  get colours() {
    return THEMES[this.dark ? "dark" : "light"];
  },
};

let main, callers, callees, table;
let charts = [];

function nameOf(fn) {
  return fn < 0 ? "all" : functions[fn].full;
}

// Weights, search and choice

function filtered() {
  stacks.weigh((labels) =>
    [...app.filters].every(([key, value]) => (labels.find(([k]) => k === key) || ["", ""])[1] === value));
  app.sums = stacks.byFunction();
}

function refilter() {
  filtered();
  main.show(stacks.tree());
  if (app.sandwich >= 0) {
    if (app.sums.total[app.sandwich]) openSandwich(app.sandwich);
    else closeSandwich();
  }
  drawTotal();
  drawLegend();
  search(app.query);
  drawCrumbs();
  describe(null);
}

/** What a query matches, or null for all; throws on a broken expression. */
function matcher(query) {
  const expression = /^\/(.+)\/([imsu]*)$/.exec(query);
  if (expression) {
    const pattern = new RegExp(expression[1], expression[2]);
    return (text) => pattern.test(text);
  }
  const wanted = query.toLowerCase();
  return (text) => text.toLowerCase().includes(wanted);
}

function search(query) {
  app.query = query;
  const share = $("share");
  share.classList.remove("bad");
  $("search").removeAttribute("aria-invalid");
  app.matches = null;
  share.textContent = "";
  if (query) {
    try {
      const test = matcher(query);
      app.matches = Uint8Array.from(functions, ({ name, file }) => (test(name) || test(file) ? 1 : 0));
      const sum = stacks.weightOf(app.matches);
      share.replaceChildren(formatShare(sum, stacks.sum), make("span", { textContent: ` · ${formatValue(sum)}` }));
    } catch (error) {
      $("search").setAttribute("aria-invalid", "true");
      share.classList.add("bad");
      share.textContent = "not a valid expression";
    }
  }
  relight();
  table.update();
}

function relight() {
  app.lit = app.matches;
  if (app.chosen >= 0) {
    app.lit = new Uint8Array(functions.length);
    app.lit[app.chosen] = 1;
  }
  for (const chart of charts) chart.repaint();
}

/** Marks a function everywhere; once more lets go of it. */
function chooseFunction(fn) {
  const graphHidden = $("main-chart").offsetParent === null && $("sandwich").offsetParent === null;
  if (graphHidden || app.sandwich >= 0) {
    openSandwich(fn);
    return;
  }
  app.chosen = app.chosen === fn ? -1 : fn;
  relight();
  table.draw(true);
  describe(app.chosen < 0 ? null : { fn });
}

// Zoom and sandwich

/** The chart that keys act on. */
function activeChart() {
  if (app.sandwich < 0) return main;
  return document.activeElement === callers.canvas ? callers : callees;
}

function pick(chart, node) {
  chart.zoom(node);
  select(chart, node);
  drawCrumbs();
  keepState(true);
}

function select(chart, node) {
  for (const other of charts) {
    other.selected = other === chart ? node : -1;
    other.repaint();
  }
  describe(node < 0 ? null : { chart, node });
}

function resetZoom() {
  for (const chart of charts) {
    if (!chart.tree) continue;
    chart.zoom(0, false);
    chart.past = [];
  }
  select(main, -1);
  drawCrumbs();
  keepState(true);
}

function zoomBack(chart) {
  if (!chart.zoomed) return;
  chart.zoom(chart.past.length ? chart.past.pop() : 0, false);
  select(chart, chart.zoomed);
  drawCrumbs();
  keepState(true);
}

function openSandwich(fn) {
  app.sandwich = fn;
  app.chosen = -1;
  if (app.view === "table") setView(narrow.matches ? "graph" : "both");
  $("main-chart").hidden = true;
  $("sandwich").hidden = false;
  callers.show(stacks.callers(fn));
  callees.show(stacks.callees(fn));
  const called = callers.tree.size > 1;
  $("callers-chart").hidden = !called;
  $("no-callers").hidden = called;
  relight();
  table.draw(true);
  select(callees, 0);
  drawCrumbs();
  keepState(true);
}

function closeSandwich() {
  app.sandwich = -1;
  $("main-chart").hidden = false;
  $("sandwich").hidden = true;
  select(main, -1);
  table.draw(true);
  drawCrumbs();
  keepState(true);
}

function drawCrumbs() {
  const crumb = (text, act, title = text) => {
    const button = make("button", { type: "button", textContent: text, title });
    button.addEventListener("click", act);
    return make("li", {}, button);
  };
  const here = (text) => make("li", { ariaCurrent: "true" }, make("b", { textContent: text, title: text }));
  const all = `All ${formatValue(stacks.sum)}`;
  const items = [];
  if (app.sandwich >= 0) {
    items.push(crumb("‹ Whole profile", closeSandwich),
      here(`${functions[app.sandwich].full} ${formatValue(callees.tree.total[0])}`));
  } else {
    const path = main.tree.path(main.zoomed);
    const last = path.pop();
    // The graph itself shows every caller; here the nearest will do.
    const near = path.length > 3 ? path.slice(-2) : path.slice(1);
    if (path.length) items.push(crumb(all, () => pick(main, 0)));
    if (path.length > 3) items.push(make("li", {}, make("span", { textContent: `${path.length - 3} more` })));
    for (const node of near) {
      items.push(crumb(nameOf(main.tree.fn[node]), () => pick(main, node), functions[main.tree.fn[node]].name));
    }
    items.push(here(last ? nameOf(main.tree.fn[last]) : all));
  }
  $("crumbs").replaceChildren(...items);
  $("reset").hidden = app.sandwich < 0 ? !main.zoomed : !callers.zoomed && !callees.zoomed;
}

// Details, tooltip and menu

/** Fills the line below the graph, which is also what screen readers hear. */
function describe(current) {
  app.current = current;
  const fn = !current ? -1 : current.chart ? current.chart.tree.fn[current.node] : current.fn;
  const text = $("details-text");
  $("details-sandwich").hidden = fn < 0 || fn === app.sandwich;
  $("details-copy").hidden = fn < 0;
  if (fn < 0) {
    const hint = coarse.matches || narrow.matches ? "Tap a frame to zoom in and see its numbers."
      : "Click a frame to zoom in, right-click for more. Press ? for all keys.";
    text.replaceChildren(make("span", { textContent: hint }));
    return;
  }
  const self = current.chart ? current.chart.tree.self[current.node] : app.sums.self[fn];
  const total = current.chart ? current.chart.tree.total[current.node] : app.sums.total[fn];
  text.replaceChildren(
    make("b", { textContent: functions[fn].full }),
    make("span", { textContent: functions[fn].where }),
    make("span", {
      textContent: `total ${formatValue(total)} (${formatShare(total, stacks.sum)})`
        + (current.chart === callers ? "" : `, self ${formatValue(self)} (${formatShare(self, stacks.sum)})`),
    }));
}

function copyCurrent() {
  const { chart, node, fn = chart.tree.fn[node] } = app.current;
  const text = `${functions[fn].name} ${functions[fn].whereFull}`.trim();
  const done = () => {
    $("details-copy").textContent = "Copied";
    setTimeout(() => { $("details-copy").textContent = "Copy"; }, 1200);
  };
  navigator.clipboard?.writeText(text).then(done, () => {});
}

function showTooltip(chart, box, event) {
  const tip = $("tooltip");
  if (!box || !$("menu").hidden) {
    tip.hidden = true;
    tip.box = null;
    return;
  }
  if (tip.box !== box) {
    tip.box = box;
    fillTooltip(tip, chart, box);
  }
  tip.hidden = false;
  place(tip, event.clientX + 14, event.clientY + 16, event.clientX - 10, event.clientY - 10);
}

/** Puts a floating element at x, y, or ends it at left, above if there is no room. */
function place(element, x, y, left, above) {
  const { offsetWidth: width, offsetHeight: height } = element;
  if (x + width > innerWidth - 8) x = Math.max(8, Math.min(left, innerWidth - 8) - width);
  if (y + height > innerHeight - 8) y = Math.max(8, Math.min(above, innerHeight - 8) - height);
  element.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}

function fillTooltip(tip, chart, box) {
  const { tree } = chart;
  if (box.rest) {
    const kids = tree.children(box.node).slice(-box.rest);
    const sum = kids.reduce((all, kid) => all + tree.total[kid], 0);
    tip.replaceChildren(
      make("b", { textContent: `${COUNT.format(kids.length)} more, each too narrow to draw` }),
      make("div", { textContent: `${formatValue(sum)}, ${formatShare(sum, stacks.sum)} of all` }),
      make("div", { className: "lines", textContent: `Click for the heaviest: ${nameOf(tree.fn[kids[0]])}` }));
    return;
  }
  const fn = tree.fn[box.node];
  const numbers = (label, value) => {
    const row = make("tr", {}, make("td", { textContent: label }), make("td", { textContent: formatValue(value) }),
      make("td", { textContent: `${formatShare(value, stacks.sum)} of all` }));
    if (chart.zoomedTotal !== stacks.sum && value <= chart.zoomedTotal) {
      row.append(make("td", { textContent: `${formatShare(value, chart.zoomedTotal)} of view` }));
    }
    return row;
  };
  const body = make("tbody", {}, numbers("Total", tree.total[box.node]));
  if (chart !== callers) body.append(numbers("Self", tree.self[box.node]));
  tip.replaceChildren(make("b", { textContent: fn < 0 ? "All samples" : functions[fn].name }));
  if (fn >= 0) {
    tip.append(make("div", { className: "where", textContent: functions[fn].whereFull }));
  }
  tip.append(make("table", {}, body));
  const lines = fn < 0 ? [] : chart.lines(box.node);
  if (lines.length) {
    const listed = lines.slice(0, 3)
      .map(([line, weight]) => `${line} (${formatShare(weight, tree.total[box.node])})`);
    if (lines.length > 3) listed.push("…");
    tip.append(make("div", {
      className: "lines",
      textContent: `${lines.length > 1 ? "Hottest lines" : "Line"}: ${listed.join(", ")}`,
    }));
  }
}

function openMenu(chart, node, x, y) {
  showTooltip(chart, null);
  select(chart, node);
  const menu = $("menu");
  menu.hidden = false;
  for (const item of menu.children) item.hidden = chart.tree.fn[node] < 0 && item.dataset.action !== "zoom";
  place(menu, x, y, x, y);
  menu.firstElementChild.focus();
}

function closeMenu() {
  if ($("menu").hidden) return;
  const inside = $("menu").contains(document.activeElement);
  $("menu").hidden = true;
  if (inside && app.current?.chart) app.current.chart.canvas.focus({ preventScroll: true });
}

function menuAction(action) {
  const { chart, node } = app.current;
  const fn = chart.tree.fn[node];
  closeMenu();
  if (action === "zoom") pick(chart, node);
  else if (action === "sandwich") openSandwich(fn);
  else if (action === "copy") copyCurrent();
  else {
    // Exactly this name; a plain search would find longer names too.
    const name = functions[fn].name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    $("search").value = `/^${name}$/`;
    search($("search").value);
    keepState(false);
  }
}

// Header, legend, filters

function drawTotal() {
  const value = formatValue(stacks.sum);
  $("total")?.remove();
  const stated = [...$("facts").querySelectorAll("dd")].some(
    (fact) => fact.textContent.replace(/\s/g, NBSP) === value);
  if (stated && !app.filters.size) return;
  const fact = make("div", { id: "total" },
    make("dt", { textContent: app.filters.size ? "Shown" : "Total" }), make("dd", { textContent: value }));
  $("facts").prepend(fact);
}

function drawLegend() {
  const sums = CATEGORY_NAMES.map(() => 0);
  functions.forEach(({ category }, fn) => { sums[category] += app.sums.self[fn]; });
  const items = [];
  CATEGORY_NAMES.forEach((name, category) => {
    if (!functions.some((fn) => fn.category === category)) return;
    const swatch = make("i", { className: "swatch" });
    swatch.style.background = app.colours.swatches[category];
    items.push(make("li", { title: "Share of self" }, swatch, name,
      make("span", { textContent: formatShare(sums[category], stacks.sum) })));
  });
  $("legend").replaceChildren(...items);
}

/** A select for each label with several values; rare values beyond 200 are left out. */
function makeFilters() {
  const keys = new Map();
  const weights = data.labelSets.map(() => 0);
  data.labels.forEach((set, sample) => { weights[set] += data.values[sample]; });
  data.labelSets.forEach((labels, set) => {
    for (const [key] of labels) if (!keys.has(key)) keys.set(key, new Map());
  });
  for (const [key, values] of keys) {
    data.labelSets.forEach((labels, set) => {
      const value = (labels.find(([k]) => k === key) || ["", ""])[1];
      values.set(value, (values.get(value) || 0) + weights[set]);
    });
    if (values.size < 2) continue;
    const select = make("select", {}, make("option", { value: "all", textContent: "all" }));
    const listed = [...values].sort((a, b) => b[1] - a[1] || compareText(a[0], b[0])).slice(0, 200);
    for (const [value] of listed) {
      // Prefixed, so that no value can be taken for "all".
      select.append(make("option", { value: "=" + value, textContent: value || "(none)" }));
    }
    select.dataset.label = key;
    select.addEventListener("change", () => {
      if (select.value === "all") app.filters.delete(key);
      else app.filters.set(key, select.value.slice(1));
      refilter();
      keepState(true);
    });
    $("filters").append(make("label", {}, key, select));
  }
}

function setTheme() {
  if (app.theme) document.documentElement.dataset.theme = app.theme;
  $("theme").setAttribute("aria-pressed", app.dark);
  if (!stacks.sum) return;
  drawLegend();
  table.draw(true);
  for (const chart of charts) chart.paint();
}

function setView(view) {
  app.view = view;
  $("panes").dataset.view = view;
  const shown = narrow.matches && view === "both" ? "graph" : view;
  for (const button of document.querySelectorAll("button[data-view]")) {
    button.setAttribute("aria-pressed", button.dataset.view === shown);
  }
  table.draw(true);
}

function setDirection(direction) {
  app.direction = direction;
  main.setDirection(direction);
  for (const button of document.querySelectorAll("[data-direction]")) {
    button.setAttribute("aria-pressed", button.dataset.direction === direction);
  }
}

function setLegend(shown) {
  $("legend").hidden = !shown;
  $("legend-button").setAttribute("aria-pressed", shown);
}

// State in the address, so that a reload, a link and the back button work

let keptState = null;

function stateText() {
  const state = new URLSearchParams();
  if (app.view !== "both") state.set("view", app.view);
  if (app.direction !== "icicle") state.set("as", app.direction);
  if (app.query) state.set("search", app.query);
  for (const [key, value] of app.filters) state.append("label", `${key}=${value}`);
  if (app.sandwich >= 0) state.set("function", app.sandwich);
  else if (main.zoomed) state.set("frame", main.zoomed);
  return state.toString();
}

function keepState(push) {
  const text = stateText();
  if (text === keptState || app.restoring) return;
  keptState = text;
  if (push) location.hash = text;
  else location.replace("#" + text);
}

function restoreState() {
  const text = location.hash.slice(1);
  if (text === keptState) return;
  app.restoring = true;
  const state = new URLSearchParams(text);
  const among = (value, choices) => (choices.includes(value) ? value : choices[0]);
  setView(among(state.get("view"), ["both", "graph", "table"]));
  setDirection(among(state.get("as"), ["icicle", "flame"]));
  app.filters.clear();
  for (const select of $("filters").querySelectorAll("select")) {
    const { label } = select.dataset;
    const pair = state.getAll("label").find((item) => item.startsWith(label + "="));
    select.value = "all";
    if (!pair) continue;
    select.value = pair.slice(label.length);
    if (select.selectedIndex < 0) select.value = "all";
    else app.filters.set(label, select.value.slice(1));
  }
  app.query = $("search").value = state.get("search") || "";
  const fn = state.has("function") ? Number(state.get("function")) : -1;
  app.sandwich = -1;
  refilter();
  closeSandwich();
  const frame = Number(state.get("frame"));
  if (fn >= 0 && fn < functions.length && app.sums.total[fn]) openSandwich(fn);
  else if (Number.isInteger(frame) && frame > 0 && frame < main.tree.size) {
    main.show(main.tree, frame);
    select(main, frame);
    drawCrumbs();
  }
  app.restoring = false;
  keptState = text; // what was asked for, even if some of it made no sense
}

// Keys

function onKey(event) {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (!$("menu").hidden) {
    menuKey(event);
    return;
  }
  if (target === $("search")) {
    if (key === "Escape") {
      event.preventDefault();
      if (target.value) {
        target.value = "";
        search("");
        keepState(false);
      } else target.blur();
    } else if (key === "Enter") activeChart().canvas.focus({ preventScroll: true });
    return;
  }
  if (target.matches("select, input")) return;
  const handled = globalKey(key) || (!target.closest("button, [role=separator]") && frameKey(key));
  if (handled) event.preventDefault();
}

function globalKey(key) {
  switch (key) {
    case "/":
      $("search").focus();
      $("search").select();
      return true;
    case "t": {
      const graph = app.view === "graph" || (narrow.matches && app.view === "both");
      setView(graph ? (narrow.matches ? "table" : "both") : "graph");
      keepState(false);
      return true;
    }
    case "i":
      setDirection(app.direction === "icicle" ? "flame" : "icicle");
      keepState(false);
      return true;
    case "?":
      $("help").showModal();
      return true;
    case "Escape":
      if (app.chosen >= 0) chooseFunction(app.chosen);
      else if (charts.some((chart) => chart.tree && chart.zoomed)
        && (app.sandwich < 0 || callers.zoomed || callees.zoomed)) resetZoom();
      else if (app.sandwich >= 0) closeSandwich();
      else select(main, -1);
      return true;
    case "Backspace": {
      const chart = activeChart();
      if (chart.zoomed) zoomBack(chart);
      else if (app.sandwich >= 0) closeSandwich();
      return true;
    }
  }
  return false;
}

function frameKey(key) {
  const chart = activeChart();
  if (key.startsWith("Arrow")) {
    if (chart.selected < 0) {
      select(chart, Math.max(chart.zoomed, chart.hidden));
      chart.reveal(chart.selected);
      return true;
    }
    const node = chart.neighbour(key);
    if (node >= 0) {
      select(chart, node);
      chart.reveal(node);
    }
    return true;
  }
  if (chart.selected < 0) return false;
  if (key === "Enter" || key === " ") {
    pick(chart, chart.selected);
    return true;
  }
  if (key === "c" && chart.tree.fn[chart.selected] >= 0) {
    openSandwich(chart.tree.fn[chart.selected]);
    return true;
  }
  return false;
}

function menuKey(event) {
  const items = [...$("menu").children].filter((item) => !item.hidden);
  const at = items.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) items[(at + step + items.length) % items.length].focus();
  else if (event.key === "Escape" || event.key === "Tab") closeMenu();
  else return;
  event.preventDefault();
}

/** The splitter, by pointer and by arrow keys. */
function makeSplitter() {
  const splitter = $("splitter");
  const setWidth = (width) => {
    const most = $("panes").clientWidth * 0.7;
    $("panes").style.setProperty("--table-width", `${Math.round(Math.max(300, Math.min(most, width)))}px`);
  };
  const tableWidth = () => document.querySelector("section.table").offsetWidth;
  splitter.addEventListener("pointerdown", (event) => {
    splitter.setPointerCapture(event.pointerId);
    event.preventDefault();
    const from = event.clientX;
    const width = tableWidth();
    splitter.onpointermove = ({ clientX }) => setWidth(width + from - clientX);
  });
  splitter.addEventListener("lostpointercapture", () => { splitter.onpointermove = null; });
  splitter.addEventListener("keydown", ({ key }) => {
    const step = { ArrowLeft: 24, ArrowRight: -24 }[key];
    if (step) setWidth(tableWidth() + step);
  });
}

/** On paper: from the root as much as fits on a page, in the colours for light. */
function setPrinting(printing) {
  app.printing = printing;
  for (const chart of charts) {
    if (!chart.tree || chart.host.offsetParent === null) continue;
    chart.height = printing ? Math.min(chart.content, 800) : chart.host.clientHeight;
    chart.sizeCanvas();
    chart.paint();
  }
  if (!printing) for (const chart of charts) if (chart.tree) chart.toRoot();
  drawLegend();
  table.draw(true);
}

function start() {
  try {
    app.theme = localStorage.getItem("pyroscope-theme") || "";
  } catch { /* storage may be off; then the choice lasts as long as the page */ }
  if (!["light", "dark"].includes(app.theme)) app.theme = "";
  $("theme").addEventListener("click", () => {
    app.theme = app.dark ? "light" : "dark";
    setTheme();
    try {
      localStorage.setItem("pyroscope-theme", app.theme);
    } catch { /* as above */ }
  });
  preferDark.addEventListener("change", setTheme);
  $("help-button").addEventListener("click", () => $("help").showModal());

  filtered();
  if (!stacks.sum) {
    setTheme();
    $("empty").hidden = false;
    return;
  }
  $("app").hidden = false;

  main = new Chart($("main-chart"), { label: "Call tree", direction: "icicle" });
  callers = new Chart($("callers-chart"), { label: "Callers", direction: "flame", hideRoot: true });
  callees = new Chart($("callees-chart"), { label: "Callees", direction: "icicle" });
  callers.onheight = (height) => $("sandwich").style.setProperty("--callers-height", `${height}px`);
  charts = [main, callers, callees];
  table = new FunctionTable();
  makeFilters();
  makeSplitter();
  setTheme();
  setLegend(true);
  restoreState();

  $("reset").addEventListener("click", resetZoom);
  $("search").addEventListener("input", () => {
    app.chosen = -1;
    search($("search").value);
    keepState(false);
  });
  $("legend-button").addEventListener("click", () => setLegend($("legend").hidden));
  $("details-sandwich").addEventListener("click", () => {
    const { chart, node, fn = chart.tree.fn[node] } = app.current;
    openSandwich(fn);
  });
  $("details-copy").addEventListener("click", copyCurrent);
  for (const button of document.querySelectorAll("button[data-view]")) {
    button.addEventListener("click", () => { setView(button.dataset.view); keepState(false); });
  }
  for (const button of document.querySelectorAll("[data-direction]")) {
    button.addEventListener("click", () => { setDirection(button.dataset.direction); keepState(false); });
  }
  for (const item of $("menu").children) item.addEventListener("click", () => menuAction(item.dataset.action));
  addEventListener("pointerdown", (event) => { if (!$("menu").contains(event.target)) closeMenu(); });
  addEventListener("keydown", onKey);
  addEventListener("hashchange", restoreState);
  addEventListener("beforeprint", () => setPrinting(true));
  addEventListener("afterprint", () => setPrinting(false));
  narrow.addEventListener("change", () => setView(app.view));
}

start();

/** For tests: where frames are on the screen. */
window.flame = Object.freeze({
  moving: () => charts.some((chart) => chart.moving || chart.due),
  frames: (id = "main-chart") => {
    const chart = charts.find(({ host }) => host.id === id);
    const { left, top } = chart.canvas.getBoundingClientRect();
    return chart.rows.slice(chart.hidden).flat().map(({ node, depth, rest, x0, x1 }) => {
      const fn = chart.tree.fn[node];
      return {
        name: rest ? "…" : fn < 0 ? "all" : functions[fn].name,
        depth,
        total: chart.tree.total[node],
        self: chart.tree.self[node],
        x: left + x0,
        y: top + chart.top(depth) - chart.host.scrollTop,
        width: x1 - x0,
        height: chart.rowHeight,
        lit: !app.lit || fn < 0 || Boolean(app.lit[fn]),
        selected: node === chart.selected,
      };
    });
  },
});
