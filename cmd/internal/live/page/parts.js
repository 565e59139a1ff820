// What all pages are made of: numbers as text, charts, the head, and the connection to the server.
const at = id => document.getElementById(id);

// ---- numbers as text

function short(x) {
	if (x === null || x === undefined) return "–";
	const a = Math.abs(x);
	return a !== 0 && (a < 1e-3 || a >= 1e6) ? x.toExponential(3).replace(/\.?0*e\+?/, "e") : String(Number(x.toPrecision(5)));
}

const whole = n => (n === undefined || n === null ? "–" : n.toLocaleString("en"));
const rate = x => (x >= 100 ? whole(Math.round(x)) : String(Number((x || 0).toPrecision(3))));

function span(seconds) {
	if (seconds === undefined || seconds < 0) return "–";
	const s = Math.round(seconds), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
	if (h > 0) return h + " h " + m + " min";
	return m > 0 ? m + " min " + (s % 60) + " s" : s + " s";
}

function element(name, text, parent) {
	const e = document.createElement(name);
	if (text !== undefined) e.textContent = text;
	if (parent) parent.append(e);
	return e;
}

// exact is a number as text that also has all of its digits.
function exact(x, parent) {
	const e = element("data", short(x), parent);
	e.value = x === null || x === undefined ? "" : String(x);
	e.title = e.value;
	return e;
}

// ---- charts

const shape = matchMedia("(prefers-color-scheme: dark)");
const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
// Of Okabe and Ito's palette, those that can be seen on both grounds; dashes tell them apart as well.
const cycle = ["#d55e00", "#009e73", "#cc79a7", "#8c8c8c", "#a6761d", "#8878c3"];
const dashes = [[8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [14, 4], [3, 6]];
const charts = {};

const axis = (more) => Object.assign({
	stroke: colour("soft"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("rule"), width: 1 }, font: "12px system-ui, sans-serif",
}, more);
// decades is the range of a logarithmic scale: from a round number to another.
function decades(u, low, high) {
	if (!(low > 0) || !(high > 0)) return [0.1, 1];
	const round = (x, f) => { const d = Math.pow(10, Math.floor(Math.log10(x))); return Number((f(Number((x / d).toPrecision(6))) * d).toPrecision(3)); };
	const a = round(low, Math.floor), b = round(high, Math.ceil);
	return a < b ? [a, b] : [round(a / 1.01, Math.floor), round(b * 1.01, Math.ceil)];
}
const number = (u, v) => short(v);

// bands shades one standard error around the curves of a chart that has any.
function bands(u) {
	const { ctx, bbox, scales } = u, x = u.data[0];
	if (!u.errors) return;
	ctx.save();
	ctx.beginPath();
	ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
	ctx.clip();
	ctx.globalAlpha = .16;
	u.data.forEach((y, s) => {
		const e = u.errors[s];
		if (s === 0 || !e || !u.series[s].show) return;
		ctx.fillStyle = u.series[s].stroke(u, s);
		const there = x.map((_, i) => i).filter(i => Number.isFinite(y[i]) && Number.isFinite(e[i]));
		const to = (i, v) => [u.valToPos(x[i], "x", true), u.valToPos(Math.max(v, scales.y.distr === 3 ? scales.y.min : v), "y", true)];
		ctx.beginPath();
		for (const i of there) ctx.lineTo(...to(i, y[i] + e[i]));
		for (const i of there.reverse()) ctx.lineTo(...to(i, y[i] - e[i]));
		ctx.fill();
	});
	ctx.restore();
}

// draw shows columns of numbers, and makes the chart anew only where its form has changed. Errors are of some of the columns.
function draw(id, form, columns, options, errors) {
	const box = at(id), old = charts[id];
	form = JSON.stringify([form, shape.matches]);
	if (old && old.form === form) {
		old.plot.errors = errors;
		old.plot.setData(columns);
		return;
	}
	if (old) old.plot.destroy();
	const plot = new uPlot(Object.assign({
		width: box.clientWidth, height: height(box), cursor: { drag: { x: false, y: false }, points: { size: 7 } }, hooks: { init: [u => { u.errors = errors; }], drawAxes: [bands] },
	}, options()), columns, box);
	charts[id] = { plot, form };
}

// curves draws lines over steps, epochs or episodes; solid is how many of them come before those that are drawn dashed.
function curves(id, form, columns, log, by, solid, series, errors) {
	draw(id, [form, log, by, series], columns, () => ({
		scales: { x: { time: false }, y: log ? { distr: 3, range: decades } : {} },
		legend: { markers: { width: 2, dash: (u, i) => (i > solid ? "dashed" : "solid") } },
		axes: [axis({}), axis({ size: 64, values: (u, ys) => ys.map(y => (y === null ? "" : short(y))) })],
		series: [{ label: by, value: (u, v) => whole(v) }, ...series.map(s => Object.assign({ width: 1.5, points: { show: false }, value: number }, s))],
	}), errors);
}

const percent = x => (x === null || x === undefined ? "–" : short(Number((100 * x).toPrecision(3))) + " %");

// bars draws a histogram whose bars are of equal width from low to high, of counts or, as a share, of parts of a whole.
function bars(id, form, low, high, columns, options) {
	const wide = (high - low) / columns[0].length;
	draw(id, form, [columns[0].map((_, i) => low + (i + .5) * wide), ...columns], () => ({
		scales: {
			x: { time: false, range: (u, a, b) => { const d = (b - a) / 70; return [a - d, b + d]; } },
			y: { range: (u, a, b) => [0, Math.max(options.share ? 0 : 1, b * 1.05)] },
		},
		axes: [axis({ values: (u, xs) => xs.map(options.tick) }), axis({ size: 64, values: (u, ys) => ys.map(y => (options.share ? percent(y) : y)) })],
		series: [{ label: options.label, value: (u, v) => (v === null || v === undefined ? "–" : options.tick(v)) }, ...options.series.map(s => Object.assign({
			width: 1, value: (u, v) => (options.share ? percent(v) : whole(v)), points: { show: false },
		}, s))],
	}));
}

const filled = () => uPlot.paths.bars({ size: [1, 100] });

const tall = box => Math.round(Math.min(360, Math.max(230, box.clientWidth * .4)));
const height = box => (box.classList.contains("tall") ? tall(box) : 220);

// logarithmic is whether losses are best shown on such a scale.
const logarithmic = losses => losses.length > 0 && Math.min(...losses) > 0 && Math.max(...losses) > 4 * Math.min(...losses);

function watch(id) {
	const box = at(id);
	new ResizeObserver(() => {
		const c = charts[id];
		if (c && c.plot.width !== box.clientWidth) c.plot.setSize({ width: box.clientWidth, height: height(box) });
	}).observe(box);
	box.addEventListener("keydown", e => {
		const move = { ArrowLeft: -1, ArrowRight: 1 }[e.key], c = charts[id];
		if (!c || (!move && e.key !== "Home" && e.key !== "End")) return;
		e.preventDefault();
		const x = c.plot.data[0], now = c.plot.cursor.idx;
		let i = e.key === "Home" ? 0 : e.key === "End" || now === null || now === undefined ? x.length - 1 : now + move;
		i = Math.max(0, Math.min(x.length - 1, i));
		c.plot.setCursor({ left: c.plot.valToPos(x[i], "x"), top: 10 });
	});
}

// ---- the head

// head shows how things stand: the state, as good, bad or neither, how much is done, and numbers in tiles.
function head(state, kind, fraction, list) {
	at("state").textContent = state || "waiting";
	at("state").className = "badge " + kind;
	at("progress").hidden = fraction === null;
	at("progress").value = fraction || 0;
	at("tiles").replaceChildren(...list.map(([name, text, wide]) => {
		const d = element("div");
		if (wide) d.className = "wide";
		element("dt", name, d);
		element("dd", text, d);
		return d;
	}));
}

function titled(title, about, settings) {
	at("title").textContent = document.title = title;
	at("about").textContent = about;
	at("settings").replaceChildren(...(settings || []).flatMap(s => [element("dt", s.name), element("dd", s.value)]));
}

// row makes a row of a table, of a heading and of cells, which are numbers, text or what is made already.
function row(heading, cells) {
	const r = element("tr"), th = element("th", undefined, r);
	th.scope = "row";
	th.append(heading);
	for (const c of cells) {
		const td = element("td", undefined, r);
		if (typeof c === "number" || c === null) exact(c, td);
		else td.append(c);
	}
	return r;
}

// ---- events

// The page: take(u, everything) is told what the server says, show() shows it, crowded() says whether more is known here than the
// server keeps, ended() whether there will be nothing more.
let page, drawn = false;
let source, last = "", heard = Date.now(), wait = 1000;

function tell(text, kind) {
	at("link").textContent = text;
	at("link").className = "badge " + kind;
}

// hear hands on what the server says, and shows it with the next frame.
function hear(u, everything) {
	page.take(u, everything);
	if (drawn) return;
	drawn = true;
	requestAnimationFrame(() => { drawn = false; page.show(); });
}

function connect() {
	if (source) source.close();
	heard = Date.now();
	source = new EventSource("events" + (last ? "?last=" + encodeURIComponent(last) : ""));
	const on = (name, f) => source.addEventListener(name, e => {
		heard = Date.now();
		wait = 1000;
		last = e.lastEventId;
		tell("connected", "good");
		f(e);
	});
	on("snapshot", e => hear(JSON.parse(e.data), true));
	on("update", e => hear(JSON.parse(e.data), false));
	on("beat", () => {});
	source.onopen = () => { heard = Date.now(); tell("connected", "good"); };
	source.onerror = () => {
		const over = page.ended();
		tell(over || "no connection, trying again", over ? "" : "bad");
		if (source.readyState === EventSource.CLOSED) { // the browser has given up
			setTimeout(connect, wait);
			wait = Math.min(2 * wait, 30000);
		}
	};
}

// A connection may be dead without a word, after a sleep for instance. The server gives a sign of life every 15 s.
function check() {
	if (page.crowded()) { last = ""; connect(); }
	else if (Date.now() - heard > 40000 && source.readyState !== EventSource.CLOSED) connect();
}

function begin(p) {
	page = p;
	setInterval(check, 5000);
	// A page that is kept for the way back holds no connection: a browser has few for each server.
	window.addEventListener("pagehide", () => source.close());
	window.addEventListener("pageshow", e => { if (e.persisted) connect(); });
	for (const name of ["online", "visibilitychange"]) window.addEventListener(name, () => { if (!document.hidden) check(); });
	shape.addEventListener("change", () => page.show());
	connect();
}
