// SPDX-FileCopyrightText: The pyroscope_native authors
// SPDX-License-Identifier: Apache-2.0
//
// Draws the profile that page.py put into this document. In order: the data,
// trees merged from it, formatting and colours, the chart, the table, the picker
// of labels, and what ties them together. Names and labels come from the profiled
// program: they go into the page as text only.

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
}

/** What the samples weigh whose label set is kept. */
class Weights {
  /** `kept` says so of each label set. */
  constructor(stacks, kept) {
    const { values, labelSets, scale } = data;
    this.stacks = stacks;
    this.self = new Float64Array(stacks.size);
    for (let sample = 0; sample < values.length; sample++) {
      if (kept[labelSets.length ? labelSets[sample] : 0]) {
        this.self[stacks.leaf[sample]] += values[sample] * scale;
      }
    }
    this.total = this.self.slice();
    this.sum = 0;
    for (let entry = stacks.size - 1; entry >= 0; entry--) {
      const parent = stacks.parent[entry];
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
    for (let entry = 0; entry < this.stacks.size; entry++) {
      const fn = this.stacks.fn[entry];
      while (path.length > this.stacks.depth[entry]) open[path.pop()]--;
      if (!open[fn]) total[fn] += this.total[entry];
      open[fn]++;
      path.push(fn);
      self[fn] += this.self[entry];
    }
    return { self, total };
  }

  /** The weight of samples with at least one matching function. */
  weightOf(matches) {
    const hit = new Uint8Array(this.stacks.size);
    let sum = 0;
    for (let entry = 0; entry < this.stacks.size; entry++) {
      const parent = this.stacks.parent[entry];
      hit[entry] = matches[this.stacks.fn[entry]] || (parent >= 0 && hit[parent]) ? 1 : 0;
      if (hit[entry]) sum += this.self[entry];
    }
    return sum;
  }

  /** Everything, merged by function. */
  tree() {
    const tree = new Tree(this, -1);
    tree.nodeOf = new Int32Array(this.stacks.size).fill(-1);
    tree.total[0] = this.sum;
    for (let entry = 0; entry < this.stacks.size; entry++) {
      if (!this.total[entry]) continue; // filtered out
      const parent = this.stacks.parent[entry];
      this.add(tree, parent < 0 ? 0 : tree.nodeOf[parent], entry);
    }
    return tree;
  }

  /** What `fn` called, from its outermost calls. */
  callees(fn) {
    const tree = new Tree(this, fn);
    tree.nodeOf = new Int32Array(this.stacks.size).fill(-1);
    for (let entry = 0; entry < this.stacks.size; entry++) {
      if (!this.total[entry]) continue;
      const parent = this.stacks.parent[entry];
      const above = parent < 0 ? -1 : tree.nodeOf[parent];
      if (above >= 0) {
        this.add(tree, above, entry);
      } else if (this.stacks.fn[entry] === fn) {
        tree.nodeOf[entry] = 0;
        tree.total[0] += this.total[entry];
        tree.self[0] += this.self[entry];
      }
    }
    return tree;
  }

  /** Who called `fn`, outwards from its outermost calls. */
  callers(fn) {
    const tree = new Tree(this, fn);
    const inside = new Uint8Array(this.stacks.size);
    for (let entry = 0; entry < this.stacks.size; entry++) {
      let above = this.stacks.parent[entry];
      inside[entry] = this.stacks.fn[entry] === fn || (above >= 0 && inside[above]) ? 1 : 0;
      const weight = this.total[entry];
      if (!weight || !inside[entry] || (above >= 0 && inside[above])) continue;
      tree.total[0] += weight;
      let node = 0;
      for (; above >= 0; above = this.stacks.parent[above]) {
        node = tree.child(node, this.stacks.fn[above]);
        tree.total[node] += weight;
      }
      tree.self[node] += weight;
    }
    return tree;
  }

  add(tree, above, entry) {
    const node = tree.child(above, this.stacks.fn[entry]);
    tree.nodeOf[entry] = node;
    tree.total[node] += this.total[entry];
    tree.self[node] += this.self[entry];
  }

  /** Weight by line within a node of a tree, heaviest first; [] if not known. */
  lines(tree, node) {
    if (!tree.nodeOf) return [];
    const sums = new Map();
    for (let entry = 0; entry < this.stacks.size; entry++) {
      if (tree.nodeOf[entry] === node && this.stacks.line[entry]) {
        const line = this.stacks.line[entry];
        sums.set(line, (sums.get(line) || 0) + this.total[entry]);
      }
    }
    return [...sums].sort((a, b) => b[1] - a[1]);
  }
}

/** A call tree merged by function. Node 0 is its root; parents come first. */
class Tree {
  constructor(weights, rootFn) {
    this.weights = weights; // what it has been merged from
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

  /** The node that is to this tree what `node` is to `tree`, or what is nearest above. */
  follow(tree, node) {
    let found = 0;
    for (const step of tree.path(node).slice(1)) {
      const next = this.children(found).find((kid) => this.fn[kid] === tree.fn[step]);
      if (next === undefined) break;
      found = next;
    }
    return found;
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

/** A share in per cent, without the sign. */
function formatPart(share) {
  return share > 0.9995 ? "100" : (100 * share).toFixed(1);
}

/** A difference of shares. */
function formatPoints(points) {
  const text = Math.abs(points).toFixed(1);
  return text === "0.0" ? text : (points > 0 ? "+" : "−") + text;
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
    if (!this.lineCache.has(node)) this.lineCache.set(node, this.tree.weights.lines(this.tree, node));
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
  self: (a, b) => byColumn("self", a, b) || byColumn("total", a, b),
  selfShare: (a, b) => byColumn("selfShare", a, b) || byColumn("totalShare", a, b),
  total: (a, b) => byColumn("total", a, b) || byColumn("self", a, b),
  totalShare: (a, b) => byColumn("totalShare", a, b) || byColumn("selfShare", a, b),
};

// Names of columns, and hints: of one selection, and of two sides.
const HEADS = {
  self: [["Self", "In the function itself"], ["Self", "In the function itself, per cent of each side"]],
  selfShare: [["%", "Self, percent"], ["±", "Self, difference in points of per cent"]],
  total: [["Total", "With all that it calls; recursion counted once"],
    ["Total", "With all that it calls, per cent of each side"]],
  totalShare: [["%", "Total, percent"], ["±", "Total, difference in points of per cent"]],
};

function byColumn(column, a, b) {
  return app.columns[column][a] - app.columns[column][b];
}

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
      if (event.target.closest(".aside")) openSandwich(fn, heavierSide(fn));
      else chooseFunction(fn);
    });
    this.body.addEventListener("dblclick", (event) => {
      const row = event.target.closest("tr[data-row]");
      if (!row) return;
      const fn = this.list[Number(row.dataset.row)];
      openSandwich(fn, heavierSide(fn));
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
      if (app.columns.total[fn] && (!app.matches || app.matches[fn])) this.list.push(fn);
    }
    this.head();
    this.sort();
    const shown = COUNT.format(this.list.length);
    $("count").textContent = app.matches
      ? `${shown} matching functions`
      : `${shown} ${this.list.length === 1 ? "function" : "functions"}`;
    $("no-rows").hidden = this.list.length > 0;
  }

  /** Names the columns of figures: of two sides they hold shares. */
  head() {
    for (const head of $("table").tHead.rows[0].cells) {
      const names = HEADS[head.dataset.column];
      if (!names) continue;
      const [name, hint] = names[app.sides ? 1 : 0];
      const button = head.firstElementChild;
      button.textContent = name;
      button.title = hint;
      if (name.length === 1) button.setAttribute("aria-label", hint);
    }
    $("table").classList.toggle("compared", Boolean(app.sides));
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
    row.append(...app.sides ? this.differences(fn) : this.figures(fn));
    row.dataset.row = index;
    row.setAttribute("aria-rowindex", index + 2);
    return row;
  }

  figures(fn) {
    const { sum } = app.weights[0];
    return ["self", "total"].flatMap((kind) => {
      const value = app.sums[0][kind][fn];
      const share = make("td", { className: "barred", textContent: formatShare(value, sum) });
      share.style.setProperty("--bar-size", `${(100 * value) / sum}%`);
      return [make("td", { textContent: value ? formatValue(value) : "–" }), share];
    });
  }

  differences(fn) {
    return ["self", "total"].flatMap((kind) => {
      const [one, other] = sharesOf(kind, fn);
      const points = 100 * (other - one);
      return [
        make("td", { textContent: `${formatPart(one)} → ${formatPart(other)}%` }),
        make("td", { className: points > 0.5 ? "more" : points < -0.5 ? "less" : "", textContent: formatPoints(points) }),
      ];
    });
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

// ------------------------------------------------------------ The labels

// Value 0 of a label is the empty one, of samples without it.
const labels = data.labels.map((label) => ({ ...label, occurring: new Set(label.of) }));
const divided = [...labels.keys()].filter((label) => labels[label].occurring.size > 1);

/** The weight of each label set. */
const setWeights = new Float64Array(labels.length ? labels[0].of.length : 1);
data.values.forEach((value, sample) => {
  setWeights[data.labelSets.length ? data.labelSets[sample] : 0] += value * data.scale;
});

/** Which label sets pass all filters: a set of values for each label that matters. */
function keptSets(filters) {
  const kept = new Uint8Array(setWeights.length).fill(1);
  for (const [label, values] of filters) {
    labels[label].of.forEach((value, set) => { if (!values.has(value)) kept[set] = 0; });
  }
  return kept;
}

/** The weight of each value of a label, as far as the filters by other labels let through. */
function valueWeights(label) {
  const kept = keptSets([...app.filters].filter(([key]) => key !== label));
  const weights = new Float64Array(labels[label].values.length);
  labels[label].of.forEach((value, set) => { if (kept[set]) weights[value] += setWeights[set]; });
  return weights;
}

function valueName(label, value) {
  return value ? labels[label].values[value] : "(none)";
}

/** A side of the comparison. */
function sideName(side) {
  const { label, values } = app.sides;
  return `${labels[label].name}=${valueName(label, values[side])}`;
}

/** A value of a label as the address tells it. */
function pairText(label, value) {
  return `${labels[label].name}=${labels[label].values[value]}`;
}

function findPair(text) {
  for (const label of divided) {
    const { name, values, occurring } = labels[label];
    const value = text.startsWith(name + "=") ? values.indexOf(text.slice(name.length + 1)) : -1;
    if (occurring.has(value)) return { label, value };
  }
  return null;
}

const LISTED = 100; // values that the picker lists at a time

/**
 * The list of a label's values, below the button that opens it. The search
 * keeps the focus; arrows move through the list.
 */
class Picker {
  constructor() {
    this.host = $("picker");
    this.input = $("picker-search");
    this.list = $("picker-list");
    this.anchor = null;
    this.input.addEventListener("input", () => { this.at = 0; this.draw(); });
    this.list.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("li");
      if (option) this.choose(Number(option.dataset.at));
    });
    $("picker-clear").addEventListener("click", () => { this.act.clear(); this.close(); });
    $("picker-compare").addEventListener("click", () => {
      const { label } = this;
      this.close();
      compareBy(label);
      $("compare").focus();
    });
    this.host.addEventListener("keydown", (event) => this.key(event));
    this.host.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !this.host.contains(relatedTarget)) this.close(false);
    });
    addEventListener("pointerdown", ({ target }) => {
      if (this.open && !this.host.contains(target) && !this.anchor.contains(target)) this.close(false);
    });
  }

  get open() {
    return !this.host.hidden;
  }

  /**
   * Offers values of a label. `pick` is called with each that is picked, and
   * returns what is chosen then if there may be several.
   */
  show(anchor, label, { chosen = new Set(), pick, clear }) {
    if (this.open) {
      const same = this.anchor === anchor;
      this.close();
      if (same) return;
    }
    Object.assign(this, { anchor, label, chosen, act: { pick, clear }, at: 0 });
    this.weights = valueWeights(label);
    this.sum = this.weights.reduce((all, weight) => all + weight, 0);
    const name = (value) => valueName(label, value);
    this.values = [...labels[label].occurring]
      .filter((value) => this.weights[value] || chosen.has(value))
      .sort((a, b) => chosen.has(b) - chosen.has(a) || this.weights[b] - this.weights[a]
        || compareText(name(a), name(b)));
    this.input.value = "";
    this.host.setAttribute("aria-label", labels[label].name);
    this.list.setAttribute("aria-label", `Values of ${labels[label].name}`);
    this.list.setAttribute("aria-multiselectable", Boolean(clear));
    $("picker-buttons").hidden = !clear;
    this.anchor.setAttribute("aria-expanded", "true");
    this.host.hidden = false;
    this.draw();
    const { left, right, top, bottom } = anchor.getBoundingClientRect();
    place(this.host, left, bottom + 4, right, top - 4);
    // On a phone the focus would bring up a keyboard over the list.
    (coarse.matches ? this.host : this.input).focus({ preventScroll: true });
  }

  close(refocus = true) {
    if (!this.open) return;
    this.host.hidden = true;
    this.anchor.setAttribute("aria-expanded", "false");
    if (refocus) this.anchor.focus({ preventScroll: true });
  }

  draw() {
    const wanted = this.input.value.toLowerCase();
    const found = this.values.filter((value) => valueName(this.label, value).toLowerCase().includes(wanted));
    this.shown = found.slice(0, LISTED);
    this.list.replaceChildren(...this.shown.map((value, at) => this.option(value, at)));
    const rest = found.slice(LISTED);
    const weight = rest.reduce((all, value) => all + this.weights[value], 0);
    $("picker-rest").textContent = !found.length ? "No value matches."
      : rest.length ? `${COUNT.format(rest.length)} more with ${formatShare(weight, this.sum)}: search for them` : "";
    this.move(this.at);
  }

  option(value, at) {
    const option = make("li", { id: `picker-${at}`, className: value ? "" : "none" },
      make("i"), make("span", { textContent: valueName(this.label, value), title: valueName(this.label, value) }),
      make("small", { textContent: formatShare(this.weights[value], this.sum) }));
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", this.chosen.has(value));
    option.dataset.at = at;
    option.style.setProperty("--bar-size", `${(100 * this.weights[value]) / (this.sum || 1)}%`);
    return option;
  }

  /** To the option that Enter picks. */
  move(at) {
    this.at = Math.max(0, Math.min(this.shown.length - 1, at));
    for (const option of this.list.querySelectorAll(".active")) option.classList.remove("active");
    const option = this.list.children[this.at];
    this.input.setAttribute("aria-activedescendant", option ? option.id : "");
    if (!option) return;
    option.classList.add("active");
    option.scrollIntoView({ block: "nearest" });
  }

  choose(at) {
    const { scrollTop } = this.list;
    const chosen = this.act.pick(this.shown[at]);
    if (!chosen) {
      this.close();
      return;
    }
    this.chosen = chosen;
    this.at = at;
    this.draw();
    this.list.scrollTop = scrollTop;
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    event.stopPropagation();
    if (step) this.move(this.at + step);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && !event.target.closest("button")) {
      if (this.shown.length) this.choose(this.at);
    } else return;
    event.preventDefault();
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
  filters: new Map(), // label -> set of its values, by number
  sides: null, // two selections to compare: { label, values: [one, other] }, or null
  weights: [], // of what is shown: one, or one of each side
  sums: [], // by function, of each of the weights
  columns: null, // what the table is sorted by
  theme: "", // as chosen; empty follows the system
  matches: null, // functions found by the search, or null
  chosen: -1, // function picked in the table
  lit: null, // functions not to fade, or null
  sandwich: -1, // function whose callers and callees are shown
  sandwichSide: 0, // in which of the weights
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

let main, other, callers, callees, table, picker;
let charts = [];

function nameOf(fn) {
  return fn < 0 ? "all" : functions[fn].full;
}

// Weights, search and choice

function weigh() {
  const selections = app.sides
    ? app.sides.values.map((value) => new Map([...app.filters, [app.sides.label, new Set([value])]]))
    : [app.filters];
  app.weights = selections.map((filters) => new Weights(stacks, keptSets(filters)));
  app.sums = app.weights.map((weights) => weights.byFunction());
  app.columns = app.sides ? comparedColumns() : {
    self: app.sums[0].self, selfShare: app.sums[0].self,
    total: app.sums[0].total, totalShare: app.sums[0].total,
  };
}

/** Of shares the sum, and how much more the other side has. */
function comparedColumns() {
  const columns = {};
  for (const kind of ["self", "total"]) {
    const pairs = functions.map((_, fn) => sharesOf(kind, fn));
    columns[kind] = Float64Array.from(pairs, ([one, two]) => one + two);
    columns[kind + "Share"] = Float64Array.from(pairs, ([one, two]) => two - one);
  }
  return columns;
}

/** What part of each side a function takes. */
function sharesOf(kind, fn) {
  return app.sums.map((sums, side) => (app.weights[side].sum ? sums[kind][fn] / app.weights[side].sum : 0));
}

function reweigh() {
  weigh();
  main.show(app.weights[0].tree());
  if (app.sides) other.show(app.weights[1].tree());
  else other.tree = null;
  $("other-half").hidden = $("main-side").hidden = !app.sides;
  if (app.sandwich >= 0) {
    app.sandwichSide = Math.min(app.sandwichSide, app.weights.length - 1);
    if (app.sums[app.sandwichSide].total[app.sandwich]) openSandwich(app.sandwich, app.sandwichSide);
    else closeSandwich();
  }
  drawFilters();
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
      const sums = app.weights.map((weights) => weights.weightOf(app.matches));
      const shares = sums.map((sum, side) => formatShare(sum, app.weights[side].sum));
      if (app.sides) share.textContent = shares.join(" → ");
      else share.replaceChildren(shares[0], make("span", { textContent: ` · ${formatValue(sums[0])}` }));
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
  const graphHidden = $("sides").offsetParent === null && $("sandwich").offsetParent === null;
  if (graphHidden || app.sandwich >= 0) {
    openSandwich(fn, heavierSide(fn));
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
  const focused = charts.find((chart) => chart.canvas === document.activeElement);
  if (app.sandwich >= 0) return focused === callers ? callers : callees;
  return app.sides && focused === other ? other : main;
}

/** The chart beside `chart` in a comparison, or null. */
function partner(chart) {
  if (!app.sides || app.sandwich >= 0) return null;
  return chart === main ? other : main;
}

/** The side of a comparison that a chart belongs to. */
function sideOf(chart) {
  return chart === other ? 1 : app.sandwich >= 0 ? app.sandwichSide : 0;
}

/** The side in which a function has more of the whole. */
function heavierSide(fn) {
  const [one, two = 0] = sharesOf("total", fn);
  return two > one ? 1 : 0;
}

/** Zooms; in a comparison the other side to the same calls. */
function zoomTo(chart, node, remember = true) {
  chart.zoom(node, remember);
  const beside = partner(chart);
  if (beside) beside.zoom(beside.tree.follow(chart.tree, node), false);
}

function pick(chart, node) {
  zoomTo(chart, node);
  select(chart, node);
  drawCrumbs();
  keepState(true);
}

function select(chart, node) {
  for (const each of charts) {
    each.selected = each === chart ? node : -1;
    each.repaint();
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
  zoomTo(chart, chart.past.length ? chart.past.pop() : 0, false);
  select(chart, chart.zoomed);
  drawCrumbs();
  keepState(true);
}

function openSandwich(fn, side) {
  app.sandwich = fn;
  app.sandwichSide = side;
  app.chosen = -1;
  if (app.view === "table") setView(narrow.matches ? "graph" : "both");
  $("sides").hidden = true;
  $("sandwich").hidden = false;
  callers.show(app.weights[side].callers(fn));
  callees.show(app.weights[side].callees(fn));
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
  $("sides").hidden = false;
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
  const all = app.sides ? "All" : `All ${formatValue(app.weights[0].sum)}`;
  const items = [];
  if (app.sandwich >= 0) {
    const side = app.sides ? ` in ${sideName(app.sandwichSide)}` : "";
    items.push(crumb(app.sides ? "‹ Comparison" : "‹ Whole profile", closeSandwich),
      here(`${functions[app.sandwich].full} ${formatValue(callees.tree.total[0])}${side}`));
  } else {
    // Of two sides that which leads deeper: the other has no such calls.
    const chart = app.sides && other.tree.depth[other.zoomed] > main.tree.depth[main.zoomed] ? other : main;
    const { tree } = chart;
    const path = tree.path(chart.zoomed);
    const last = path.pop();
    // The graph itself shows every caller; here the nearest will do.
    const near = path.length > 3 ? path.slice(-2) : path.slice(1);
    if (path.length) items.push(crumb(all, () => pick(chart, 0)));
    if (path.length > 3) items.push(make("li", {}, make("span", { textContent: `${path.length - 3} more` })));
    for (const node of near) {
      items.push(crumb(nameOf(tree.fn[node]), () => pick(chart, node), functions[tree.fn[node]].name));
    }
    items.push(here(last ? nameOf(tree.fn[last]) : all));
  }
  $("crumbs").replaceChildren(...items);
  $("reset").hidden = !isZoomed();
}

function isZoomed() {
  const shown = app.sandwich < 0 ? [main, other] : [callers, callees];
  return shown.some((chart) => chart.tree && chart.zoomed);
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
  text.replaceChildren(
    make("b", { textContent: functions[fn].full }),
    make("span", { textContent: functions[fn].where }),
    make("span", { textContent: figuresOf(current, fn) }));
}

function figuresOf({ chart, node }, fn) {
  if (!chart && app.sides) {
    const shares = (kind) => sharesOf(kind, fn).map((share) => formatShare(share, 1)).join(" → ");
    return `total ${shares("total")}, self ${shares("self")}`;
  }
  const { sum } = chart ? chart.tree.weights : app.weights[0];
  const figures = (kind) => {
    const value = chart ? chart.tree[kind][node] : app.sums[0][kind][fn];
    return `${kind} ${formatValue(value)} (${formatShare(value, sum)})`;
  };
  const beside = chart && partner(chart) ? `; ${besideText(chart, node)}` : "";
  return figures("total") + (chart === callers ? "" : `, ${figures("self")}`) + beside;
}

/** What the other side of a comparison has of the same calls. */
function besideText(chart, node) {
  const beside = partner(chart);
  const found = beside.tree.follow(chart.tree, node);
  const there = beside.tree.depth[found] === chart.tree.depth[node];
  const share = formatShare(there ? beside.tree.total[found] : 0, beside.tree.weights.sum);
  return `${share} in ${sideName(sideOf(beside))}`;
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
  const { sum: whole } = tree.weights;
  if (box.rest) {
    const kids = tree.children(box.node).slice(-box.rest);
    const sum = kids.reduce((all, kid) => all + tree.total[kid], 0);
    tip.replaceChildren(
      make("b", { textContent: `${COUNT.format(kids.length)} more, each too narrow to draw` }),
      make("div", { textContent: `${formatValue(sum)}, ${formatShare(sum, whole)} of all` }),
      make("div", { className: "lines", textContent: `Click for the heaviest: ${nameOf(tree.fn[kids[0]])}` }));
    return;
  }
  const fn = tree.fn[box.node];
  const numbers = (label, value) => {
    const row = make("tr", {}, make("td", { textContent: label }), make("td", { textContent: formatValue(value) }),
      make("td", { textContent: `${formatShare(value, whole)} of all` }));
    if (chart.zoomedTotal !== whole && value <= chart.zoomedTotal) {
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
  if (fn >= 0 && partner(chart)) tip.append(make("div", { textContent: besideText(chart, box.node) }));
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
  else if (action === "sandwich") openSandwich(fn, sideOf(chart));
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
  $("total")?.remove();
  if (app.sides) return; // each side tells its own
  const value = formatValue(app.weights[0].sum);
  const stated = [...$("facts").querySelectorAll("dd")].some(
    (fact) => fact.textContent.replace(/\s/g, NBSP) === value);
  if (stated && !app.filters.size) return;
  const fact = make("div", { id: "total" },
    make("dt", { textContent: app.filters.size ? "Shown" : "Total" }), make("dd", { textContent: value }));
  $("facts").prepend(fact);
}

function drawLegend() {
  const shares = CATEGORY_NAMES.map((_, category) => app.sums.map(({ self }, side) => {
    const sum = functions.reduce((all, fn, index) => all + (fn.category === category ? self[index] : 0), 0);
    return formatShare(sum, app.weights[side].sum);
  }));
  const items = [];
  CATEGORY_NAMES.forEach((name, category) => {
    if (!functions.some((fn) => fn.category === category)) return;
    const swatch = make("i", { className: "swatch" });
    swatch.style.background = app.colours.swatches[category];
    items.push(make("li", { title: "Share of self" }, swatch, name,
      make("span", { textContent: shares[category].join(" → ") })));
  });
  $("legend").replaceChildren(...items);
}

/** A button for each label that divides the profile. */
function makeFilters() {
  for (const label of divided) {
    const button = make("button", { type: "button", className: "filter" },
      make("span", { textContent: labels[label].name }), make("b"));
    button.dataset.label = label;
    button.setAttribute("aria-haspopup", "dialog");
    button.addEventListener("click", () => pickFilter(label, button));
    $("filters").append(button);
    $("compare-label").append(make("option", { value: label, textContent: labels[label].name }));
  }
  $("compare").hidden = !divided.length;
}

/** What filters and sides say, after they have changed. */
function drawFilters() {
  for (const button of $("filters").children) {
    const label = Number(button.dataset.label);
    const names = [...app.filters.get(label) || []].map((value) => valueName(label, value));
    button.lastElementChild.textContent = names.length > 1 ? `${names.length} values` : names[0] ?? "all";
    button.title = names.slice(0, 20).join("\n");
    button.classList.toggle("chosen", names.length > 0);
    button.hidden = app.sides?.label === label;
  }
  $("compare").setAttribute("aria-pressed", Boolean(app.sides));
  $("compare-label").hidden = !app.sides;
  if (app.sides) $("compare-label").value = app.sides.label;
  [[main, "one"], [other, "other"]].forEach(([chart, id], side) => {
    chart.canvas.setAttribute("aria-label", app.sides ? `Call tree, ${sideName(side)}` : "Call tree");
    if (!app.sides) return;
    $(`${id}-value`).textContent = $(`${id}-value`).title = sideName(side);
    $(`${id}-total`).textContent = formatValue(app.weights[side].sum);
  });
}

function pickFilter(label, button) {
  const change = (values) => {
    if (values.size) app.filters.set(label, values);
    else app.filters.delete(label);
    reweigh();
    keepState(true);
  };
  picker.show(button, label, {
    chosen: app.filters.get(label),
    pick(value) {
      const values = new Set(app.filters.get(label));
      if (!values.delete(value)) values.add(value);
      change(values);
      return values;
    },
    clear: () => change(new Set()),
  });
}

// Two values of a label side by side

function toggleComparison() {
  if (app.sides) compare(null);
  else compareBy([...app.filters.keys()].pop() ?? divided[0]);
}

/** Compares two values that are chosen already, or the heaviest. */
function compareBy(label) {
  const weights = valueWeights(label);
  const heaviest = [...labels[label].occurring].sort((a, b) => weights[b] - weights[a]);
  const [one, two] = new Set([...app.filters.get(label) || [], ...heaviest]);
  app.filters.delete(label);
  compare({ label, values: [one, two] });
}

function compare(sides) {
  app.sides = sides;
  reweigh();
  keepState(true);
}

function pickSide(side) {
  const { label, values } = app.sides;
  picker.show($(side ? "other-value" : "one-value"), label, {
    chosen: new Set([values[side]]),
    pick(value) {
      compare({ label, values: values.map((old, at) => (at === side ? value : old)) });
    },
  });
}

function setTheme() {
  if (app.theme) document.documentElement.dataset.theme = app.theme;
  $("theme").setAttribute("aria-pressed", app.dark);
  if (!table) return;
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
  other.setDirection(direction);
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
  for (const [label, values] of app.filters) {
    for (const value of values) state.append("label", pairText(label, value));
  }
  for (const value of app.sides ? app.sides.values : []) {
    state.append("compare", pairText(app.sides.label, value));
  }
  if (app.sandwich >= 0) {
    state.set("function", app.sandwich);
    if (app.sandwichSide) state.set("side", "2");
  } else {
    if (main.zoomed) state.set("frame", main.zoomed);
    if (app.sides && other.zoomed) state.set("frame2", other.zoomed);
  }
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
  for (const text of state.getAll("label")) {
    const pair = findPair(text);
    if (pair) app.filters.set(pair.label, (app.filters.get(pair.label) || new Set()).add(pair.value));
  }
  const [one, two] = state.getAll("compare").map(findPair);
  app.sides = one && two && one.label === two.label ? { label: one.label, values: [one.value, two.value] } : null;
  if (app.sides) app.filters.delete(app.sides.label);
  app.query = $("search").value = state.get("search") || "";
  const fn = state.has("function") ? Number(state.get("function")) : -1;
  const side = app.sides && state.get("side") === "2" ? 1 : 0;
  app.sandwich = -1;
  reweigh();
  closeSandwich();
  if (fn >= 0 && fn < functions.length && app.sums[side].total[fn]) openSandwich(fn, side);
  else {
    for (const [chart, name] of [[main, "frame"], [other, "frame2"]]) {
      const frame = Number(state.get(name));
      if (!chart.tree || !Number.isInteger(frame) || frame <= 0 || frame >= chart.tree.size) continue;
      chart.show(chart.tree, frame);
      select(chart, frame);
    }
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
  if (target.matches("select, input") || picker.open) return;
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
      else if (isZoomed()) resetZoom();
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
    openSandwich(chart.tree.fn[chart.selected], sideOf(chart));
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

  weigh();
  if (!app.weights[0].sum) {
    setTheme();
    $("empty").hidden = false;
    return;
  }
  $("app").hidden = false;

  main = new Chart($("main-chart"), { label: "Call tree", direction: "icicle" });
  other = new Chart($("other-chart"), { label: "Call tree of the other side", direction: "icicle" });
  callers = new Chart($("callers-chart"), { label: "Callers", direction: "flame", hideRoot: true });
  callees = new Chart($("callees-chart"), { label: "Callees", direction: "icicle" });
  callers.onheight = (height) => $("sandwich").style.setProperty("--callers-height", `${height}px`);
  charts = [main, other, callers, callees];
  table = new FunctionTable();
  picker = new Picker();
  makeFilters();
  makeSplitter();
  setTheme();
  setLegend(true);
  if (data.opening && !location.hash) location.replace("#" + data.opening);
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
    openSandwich(fn, chart ? sideOf(chart) : heavierSide(fn));
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
  $("compare").addEventListener("click", toggleComparison);
  $("compare-label").addEventListener("change", () => compareBy(Number($("compare-label").value)));
  $("one-value").addEventListener("click", () => pickSide(0));
  $("other-value").addEventListener("click", () => pickSide(1));
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
