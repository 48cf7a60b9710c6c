"use strict";
// Draws what /events sends. Text only ever enters as text nodes and attributes: no name from a config becomes markup.
// The server draws the first state with the same shapes (dashboard/draw.rs); change both.

const byId = (id) => document.getElementById(id);
const grouped = (number) => number.toLocaleString("en-US");
const words = (label) => label.replaceAll("_", " ");

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function shape(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function duration(us) {
  if (us === null || us === 0) return "–";
  if (us < 1000) return `≤ ${us} µs`;
  if (us < 1000000) return `≤ ${us / 1000} ms`;
  return `≤ ${us / 1000000} s`;
}

function rate(perSecond) {
  return perSecond < 10 ? perSecond.toFixed(1) : grouped(Math.round(perSecond));
}

function yuan(amount) {
  const [whole, fraction] = amount.split(".");
  return `¥${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${fraction.slice(0, 2)}`;
}

function tile(name, value, note) {
  const parts = [element("dt", {}, name), element("dd", {}, value)];
  if (note) parts.push(element("dd", { class: "note" }, note));
  return element("div", {}, ...parts);
}

function tiles(it) {
  const both = ([p50, p99]) => [duration(p99), `p50 ${duration(p50)}`];
  const reasons = it.no_bids.map((no) => `${words(no.name)} ${grouped(no.count)}`).join(" · ");
  const none = element("div", { class: "wide" }, element("dt", {}, "No bid because"),
    element("dd", { class: "note" }, reasons || "nothing in the last 10 s"));
  return [
    tile("Requests a second", rate(it.requests_per_second)),
    tile("Bids a second", rate(it.bids_per_second)),
    tile("Request p99", ...both(it.request_us)),
    tile("Overhead p99", ...both(it.overhead_us)),
    tile("Journal commit p99", duration(it.commit_p99_us)),
    tile("Billed since start", yuan(it.billed.amount)),
    tile("Shed", grouped(it.shed_recently), `${grouped(it.shed)} since start`),
    none,
  ];
}

function points(values, peak) {
  const step = 600 / 119;
  const first = 120 - values.length;
  return values.map((value, index) => `${((first + index) * step).toFixed(1)},${(88 - (value / peak) * 84).toFixed(1)}`).join(" ");
}

function counts(items, kind, empty) {
  if (items.length === 0) return element("span", { class: "plain" }, empty);
  return element("ul", { class: kind }, ...items);
}

function progress(it) {
  if (!it) return element("span", { class: "plain" }, "no volume");
  const share = (count) => (it.to_offer === 0 ? 0 : (count * 100) / it.to_offer);
  const done = share(it.offered + it.withheld);
  const plan = share(it.planned_by_now);
  const width = Math.min(done, 100).toFixed(2);
  const text = `${done.toFixed(1)} % of ${grouped(it.to_offer)} · plan ${plan.toFixed(1)} %`;
  const bar = shape("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": text },
    shape("rect", { class: "track", width: "100", height: "10" }),
    shape("rect", { class: "done", width, height: "10" }),
    shape("line", { class: "plan", x1: plan.toFixed(2), x2: plan.toFixed(2), y1: "0", y2: "10" }));
  const pace = it.pace === "behind" ? `behind by ${(it.behind_millionths / 10000).toFixed(1)} %` : words(it.pace);
  return element("div", {}, bar, element("small", {}, text), element("small", {}, pace));
}

function state(label) {
  return element("td", { class: `state-${label}` }, words(label));
}

function number(value) {
  return element("td", { class: "number" }, value);
}

function dealRow(it) {
  const lost = it.today.lost.map((end) =>
    element("li", { class: end.party }, element("b", {}, grouped(end.count)), ` ${words(end.cause)} (${end.party})`));
  return element("tr", {},
    element("th", { scope: "row" }, it.id, element("small", {}, `buyer ${it.buyer}`)),
    element("td", {}, it.method),
    state(it.in_period ? it.state : "out_of_period"),
    number(it.price.cpm), number(grouped(it.today.offered)), number(grouped(it.today.won)), number(grouped(it.today.billed)),
    element("td", {}, progress(it.progress)),
    element("td", {}, counts(lost, "counts", "none")));
}

function dspRow(it) {
  const item = (counted) => element("li", {}, element("b", {}, grouped(counted.count)), ` ${words(counted.name)}`);
  const outcomes = it.outcomes.filter((counted) => counted.count > 0).map(item);
  return element("tr", {},
    element("th", { scope: "row" }, it.id, element("small", {}, it.name)),
    state(it.state),
    number(grouped(it.asked)),
    element("td", {}, counts(outcomes, "counts columns", "not asked yet")),
    number(duration(it.p50_us)), number(duration(it.p99_us)),
    element("td", {}, counts(it.rejected.map(item), "counts columns", "none")));
}

function shown(rows, total) {
  return rows.length < total ? `${rows.length} of ${grouped(total)}; the others are on the API` : grouped(total);
}

function rows(id, list, total, draw, columns, empty) {
  const drawn = list.map(draw);
  const none = element("tr", {}, element("td", { colspan: columns, class: "plain" }, empty));
  byId(id).replaceChildren(...(drawn.length ? drawn : [none]));
  byId(`${id}-shown`).textContent = shown(list, total);
}

let reported = null;

function report(it) {
  const key = JSON.stringify(it);
  // The region is read aloud: touch it only when there is news.
  if (key === reported || !it) return;
  reported = key;
  const title = { published: `Published as generation ${it.generation}`, unchanged: `Unchanged: generation ${it.generation} is this folder`,
    refused: `Refused: generation ${it.generation} keeps serving` }[it.result];
  byId("report").replaceChildren(
    element("p", { class: it.result }, title, " ", element("small", {}, it.at)),
    element("ul", {}, ...it.lines.map((line) => element("li", {}, line))));
}

function draw(it) {
  byId("generation").textContent = it.generation;
  byId("loaded").textContent = it.loaded_at;
  byId("readiness").textContent = it.readiness;
  byId("readiness").dataset.state = it.readiness;
  byId("warning-count").textContent = it.warnings;
  byId("warnings").hidden = it.warnings === 0;
  byId("tiles").replaceChildren(...tiles(it));
  const peak = Math.max(1, ...it.series.requests, ...it.series.bids);
  byId("peak").textContent = grouped(peak);
  document.querySelector("#spark .requests").setAttribute("points", points(it.series.requests, peak));
  document.querySelector("#spark .bids").setAttribute("points", points(it.series.bids, peak));
  rows("deals", it.deals, it.deals_total, dealRow, 9, "No deals in the market. Add one in deals.toml and reload.");
  rows("dsps", it.dsps, it.dsps_total, dspRow, 7, "No DSPs in the market. Add one in dsps.toml and reload.");
  report(it.reload);
}

const link = byId("link");
const say = (text) => { if (link.textContent !== text) link.textContent = text; };
const stream = new EventSource("/events");
stream.onmessage = (event) => { draw(JSON.parse(event.data)); say("Live, once a second"); };
stream.onerror = () => say("The exchange does not answer: these are the last figures. Trying again …");

byId("reload").addEventListener("click", async (click) => {
  const button = click.currentTarget;
  button.disabled = true;
  try {
    const answer = await fetch("/api/v1/reload", { method: "POST" });
    const body = await answer.json();
    if (body.report) report(body.report);
    else byId("report").replaceChildren(element("p", { class: "refused" }, body.error.message));
  } catch (error) {
    byId("report").replaceChildren(element("p", { class: "refused" }, `No answer: ${error.message}`));
  } finally {
    button.disabled = false;
  }
});
