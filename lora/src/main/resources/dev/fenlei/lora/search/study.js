"use strict";

const TEXTS = {
  zh: {
    title: "超参数搜索", best: "最佳试验", command: "用最佳参数训练：", history: "优化过程", reports: "中间值", parallel: "平行坐标",
    importance: "参数重要性", slices: "切片", trials: "全部试验", trial: "试验", value: "目标值", state: "状态", seconds: "秒", note: "备注",
    historyHint: "每个点是一次试验，折线是到当时为止的最佳值。", reportsHint: "各次试验在验证集上的中间成绩；橙色的被提前终止。",
    parallelHint: "每条线是一次试验，颜色越深成绩越好。", slicesHint: "每个参数与目标值的关系。",
    importanceHint: "目标值的变化中由单个参数引起的部分（随机森林上的 fANOVA），合计 100 %；试验越少越不可靠。",
    trialsHint: "点按表头排序，点按一行或一个点即可在所有图中标出该试验。", few: "完成的试验太少，无法计算。", none: "没有数据。", step: "步",
    states: { COMPLETE: "完成", PRUNED: "提前终止", FAIL: "失败", RUNNING: "进行中", WAITING: "等待" },
    summary: (s) => `${s.trials} 次试验：完成 ${s.COMPLETE}，提前终止 ${s.PRUNED}，失败 ${s.FAIL}，进行中 ${s.RUNNING}。目标：${s.objective}，${s.maximize ? "越大越好" : "越小越好"}，只在验证集上计算。`,
  },
  en: {
    title: "Hyper-parameter search", best: "Best trial", command: "Train with the best parameters:", history: "Optimisation history",
    reports: "Intermediate values", parallel: "Parallel coordinates", importance: "Importance of the parameters", slices: "Slices",
    trials: "All trials", trial: "Trial", value: "Objective", state: "State", seconds: "Seconds", note: "Note",
    historyHint: "A dot is a trial, the line the best so far.", reportsHint: "What trials had on the validation data on their way; orange ones were pruned.",
    parallelHint: "A line is a trial; the stronger its colour, the better it was.", slicesHint: "Each parameter against the objective.",
    importanceHint: "How much of the objective's variance each parameter causes alone (fANOVA over a random forest), 100 % in all; the fewer trials, the less reliable.",
    trialsHint: "A heading sorts; a row or a dot marks its trial in all charts.", few: "Too few complete trials to tell.", none: "No data.", step: "step",
    states: { COMPLETE: "complete", PRUNED: "pruned", FAIL: "failed", RUNNING: "running", WAITING: "waiting" },
    summary: (s) => `${s.trials} trials: ${s.COMPLETE} complete, ${s.PRUNED} pruned, ${s.FAIL} failed, ${s.RUNNING} running. Objective: ${s.objective}, ${s.maximize ? "the higher the better" : "the lower the better"}, on validation data only.`,
  },
};

const study = JSON.parse(document.getElementById("study").textContent);
const names = Object.keys(study.parameters);
const element = (id) => document.getElementById(id);
let language = navigator.language.startsWith("zh") ? "zh" : "en";
let sorting = { key: "number", descending: false };
let chosen = null;

const text = (key) => TEXTS[language][key];

function number(value) {
  if (value === null || value === undefined) {
    return "";
  }
  const size = Math.abs(value);
  return Number.isInteger(value) ? String(value)
    : size > 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2).replace(/\.?0+e/, "e") : String(Number(value.toPrecision(4)));
}

function shown(name, value) {
  const parameter = study.parameters[name];
  return value === undefined ? "" : parameter.choices ? parameter.choices[value] : number(value);
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function html(tag, content, attributes = {}) {
  const node = document.createElement(tag);
  node.textContent = content;
  Object.assign(node, attributes);
  return node;
}

function describe(trial) {
  const parameters = names.filter((name) => name in trial.parameters)
    .map((name) => `${name} ${shown(name, trial.parameters[name])}`);
  return [`${text("trial")} ${trial.number} (${text("states")[trial.state]})`, `${study.objective} ${number(trial.value)}`, ...parameters].join(" · ");
}

/* A scale from values to pixels, with a few ticks. */
function scale(low, high, from, to, { log = false, choices = null } = {}) {
  if (choices) {
    const place = (i) => from + (to - from) * (choices.length === 1 ? .5 : i / (choices.length - 1));
    return { place, ticks: choices.map((label, i) => ({ at: place(i), label })) };
  }
  const coordinate = log ? Math.log : (x) => x;
  if (low === high) {
    const margin = log ? 2 : Math.abs(low) || 1;
    [low, high] = log ? [low / margin, high * margin] : [low - margin / 2, high + margin / 2];
  }
  const place = (x) => from + (to - from) * (coordinate(x) - coordinate(low)) / (coordinate(high) - coordinate(low));
  return { place, ticks: ticks(low, high, log).map((x) => ({ at: place(x), label: number(x) })) };
}

function ticks(low, high, log) {
  if (log && high / low >= 10) {
    const found = [];
    for (let power = Math.ceil(Math.log10(low) - 1e-9); power <= Math.log10(high) + 1e-9; power++) {
      found.push(10 ** power);
    }
    return found;
  }
  const rough = (high - low) / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * unit).find((size) => size >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

function extent(values) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const margin = (high - low) * .05;
  return [low - margin, high + margin];
}

function parameterScale(name, from, to) {
  const parameter = study.parameters[name];
  return scale(parameter.low, parameter.high, from, to, parameter);
}

/* A chart with two axes; draw gets the functions that place values. */
function chart(width, height, x, y, label, draw) {
  const box = { left: 52, right: width - 12, top: 8, bottom: height - 34 };
  const across = x(box.left, box.right);
  const up = y(box.bottom, box.top);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const tick of up.ticks) {
    root.append(svg("line", { class: "tick", x1: box.left, x2: box.right, y1: tick.at, y2: tick.at, "stroke-dasharray": "2 3" }),
      svg("text", { x: box.left - 6, y: tick.at, dy: ".35em", "text-anchor": "end" }, tick.label));
  }
  let free = -Infinity;
  for (const tick of across.ticks) {
    const half = tick.label.length * 3.2;
    if (tick.at - half > free) {
      root.append(svg("text", { x: tick.at, y: box.bottom + 15, "text-anchor": "middle" }, tick.label));
      free = tick.at + half;
    }
  }
  root.append(svg("path", { class: "axis", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}` }),
    svg("text", { class: "name", x: (box.left + box.right) / 2, y: height - 4, "text-anchor": "middle" }, label));
  draw(root, across.place, up.place);
  return root;
}

function dot(trial, x, y) {
  return svg("circle", { class: `dot ${trial.state}`, cx: x, cy: y, r: trial.number === study.best ? 6 : 4, "data-trial": trial.number },
    svg("title", {}, describe(trial)));
}

function series(trial, points, colour, opacity) {
  return svg("polyline", { class: "series", points: points.map((p) => p.map((v) => v.toFixed(1)).join(",")).join(" "),
    style: `stroke: ${colour}; opacity: ${opacity}`, "data-trial": trial.number }, svg("title", {}, describe(trial)));
}

const valued = study.trials.filter((trial) => trial.value !== null);
const complete = valued.filter((trial) => trial.state === "COMPLETE");

/* 0 for the worst complete trial, 1 for the best. */
function quality(trial) {
  const values = complete.map((each) => each.value);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const share = high > low ? Math.min(1, Math.max(0, (trial.value - low) / (high - low))) : 1;
  return study.maximize ? share : 1 - share;
}

const colour = (share) => `color-mix(in oklab, var(--good) ${(share * 100).toFixed(0)}%, var(--bad))`;
const byQuality = (trials) => [...trials].sort((a, b) => quality(a) - quality(b));
const valueAxis = (trials) => (from, to) => scale(...extent(trials.map((trial) => trial.value)), from, to);

function fill(id, make) {
  const made = make();
  element(id).replaceChildren(...(Array.isArray(made) ? made : [made]));
}

function nothing(key) {
  return html("p", text(key));
}

function history() {
  if (valued.length === 0) {
    return nothing("none");
  }
  const last = Math.max(1, study.trials.length - 1);
  return chart(560, 300, (from, to) => scale(0, last, from, to), valueAxis(valued), text("trial"), (root, x, y) => {
    let best = null;
    let path = "";
    for (const trial of complete) {
      if (best === null || (study.maximize ? trial.value > best : trial.value < best)) {
        path += best === null ? `M${x(trial.number)} ${y(trial.value)}` : `H${x(trial.number)}V${y(trial.value)}`;
        best = trial.value;
      }
    }
    if (best !== null) {
      root.append(svg("path", { class: "best-line", d: `${path}H${x(last)}` }));
    }
    root.append(...valued.map((trial) => dot(trial, x(trial.number), y(trial.value))));
  });
}

function reports() {
  const with_ = study.trials.filter((trial) => trial.reports.length > 0);
  if (with_.length === 0) {
    return nothing("none");
  }
  const all = with_.flatMap((trial) => trial.reports);
  const steps = all.map((report) => report[0]);
  return chart(560, 300, (from, to) => scale(Math.min(...steps), Math.max(...steps), from, to),
    (from, to) => scale(...extent(all.map((report) => report[1])), from, to), text("step"), (root, x, y) => {
      for (const trial of with_) {
        const pruned = trial.state === "PRUNED";
        const points = trial.reports.map(([step, value]) => [x(step), y(value)]);
        root.append(series(trial, points, pruned ? "var(--pruned)" : "var(--good)", trial.number === study.best ? 1 : .55));
        const [atX, atY] = points[points.length - 1];
        root.append(dot(trial, atX, atY));
      }
    });
}

function parallel() {
  if (complete.length === 0) {
    return nothing("none");
  }
  const shownTrials = complete.filter((trial) => names.every((name) => name in trial.parameters));
  const width = Math.max(760, 150 * (names.length + 1));
  const height = 320;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text("parallel") });
  const axes = [...names, null].map((name, i, all) => {
    const at = 60 + (width - 130) * i / Math.max(1, all.length - 1);
    const up = name === null ? valueAxis(complete)(height - 20, 34) : parameterScale(name, height - 20, 34);
    return { name, at, up };
  });
  const place = (axis, trial) => axis.up.place(axis.name === null ? trial.value : trial.parameters[axis.name]);
  for (const trial of byQuality(shownTrials)) {
    root.append(series(trial, axes.map((axis) => [axis.at, place(axis, trial)]), colour(quality(trial)), .9));
  }
  for (const axis of axes) {
    root.append(svg("path", { class: "axis", d: `M${axis.at} 34V${height - 20}` }),
      svg("text", { class: "name", x: axis.at, y: 18, "text-anchor": "middle" }, axis.name === null ? study.objective : axis.name));
    for (const tick of axis.up.ticks) {
      root.append(svg("text", { x: axis.at + 5, y: tick.at, dy: ".35em" }, tick.label));
    }
  }
  return root;
}

function importance() {
  const shares = Object.entries(study.importance);
  if (shares.length === 0) {
    return nothing("few");
  }
  const root = svg("svg", { viewBox: `0 0 760 ${shares.length * 26 + 6}`, role: "img", "aria-label": text("importance") });
  shares.forEach(([name, share], i) => {
    const y = i * 26 + 16;
    root.append(svg("text", { class: "name", x: 150, y, dy: ".35em", "text-anchor": "end" }, name),
      svg("rect", { class: "bar", x: 158, y: y - 9, width: Math.max(1, share * 520), height: 18, rx: 3 }),
      svg("text", { x: 164 + share * 520, y, dy: ".35em" }, `${(share * 100).toFixed(1)} %`));
  });
  return root;
}

function slices() {
  return valued.length === 0 ? nothing("none") : names.map((name) => chart(300, 220,
    (from, to) => parameterScale(name, from + 8, to - 8), valueAxis(valued), name,
    (root, x, y) => root.append(...valued.filter((trial) => name in trial.parameters)
      .map((trial) => dot(trial, x(trial.parameters[name]), y(trial.value))))));
}

function best() {
  const trial = study.trials.find((each) => each.number === study.best);
  element("result").hidden = !trial;
  if (trial) {
    const pairs = [[text("trial"), String(trial.number)], [study.objective, number(trial.value)],
      ...names.filter((name) => name in trial.parameters).map((name) => [name, shown(name, trial.parameters[name])])];
    element("best").replaceChildren(...pairs.map(([term, value]) => {
      const pair = document.createElement("div");
      pair.append(html("dt", term), html("dd", value));
      return pair;
    }));
  }
  element("command").textContent = study.command;
}

function table() {
  const columns = [["number", text("trial")], ["value", text("value")], ["state", text("state")],
    ...names.map((name) => [name, name]), ["seconds", text("seconds")], ["note", text("note")]];
  const cell = (trial, key) => names.includes(key) ? trial.parameters[key] : key === "note" ? notes(trial) : trial[key];
  const head = document.createElement("tr");
  for (const [key, label] of columns) {
    const th = document.createElement("th");
    const button = html("button", label, { type: "button" });
    button.addEventListener("click", () => {
      sorting = { key, descending: sorting.key === key && !sorting.descending };
      table();
      mark();
      [...document.querySelectorAll("th button")].find((each) => each.textContent === label).focus();
    });
    if (sorting.key === key) {
      th.setAttribute("aria-sort", sorting.descending ? "descending" : "ascending");
    }
    th.scope = "col";
    th.append(button);
    head.append(th);
  }
  document.querySelector("thead").replaceChildren(head);
  const order = (a, b) => {
    const [x, y] = [cell(a, sorting.key), cell(b, sorting.key)];
    const missing = (v) => v === null || v === undefined;
    if (missing(x) || missing(y)) {
      return missing(x) - missing(y);
    }
    return (x < y ? -1 : x > y ? 1 : a.number - b.number) * (sorting.descending ? -1 : 1);
  };
  document.querySelector("tbody").replaceChildren(...[...study.trials].sort(order).map((trial) => {
    const tr = document.createElement("tr");
    tr.tabIndex = 0;
    tr.dataset.trial = trial.number;
    tr.classList.toggle("winner", trial.number === study.best);
    for (const [key] of columns) {
      const value = cell(trial, key);
      const content = names.includes(key) ? shown(key, value) : key === "state" ? text("states")[value]
        : key === "note" ? value : number(value);
      tr.append(html("td", content, key === "note" ? { className: "note", title: value } : {}));
    }
    return tr;
  }));
}

function notes(trial) {
  return Object.entries(trial.notes).map(([key, value]) => `${key} ${typeof value === "number" ? number(value) : value}`).join(", ");
}

function mark() {
  for (const node of document.querySelectorAll("[data-trial]")) {
    node.classList.toggle("chosen", Number(node.dataset.trial) === chosen);
  }
  const trial = study.trials.find((each) => each.number === chosen);
  element("chosen").textContent = trial ? describe(trial) : "";
}

function choose(event) {
  const node = event.target.closest("[data-trial]");
  if (node) {
    const trial = Number(node.dataset.trial);
    chosen = chosen === trial ? null : trial;
    mark();
  }
}

function write() {
  document.documentElement.lang = language;
  document.title = `${text("title")} – ${study.name}`;
  for (const node of document.querySelectorAll("[data-text]")) {
    node.textContent = text(node.dataset.text);
  }
  element("name").textContent = study.name;
  element("language").textContent = language === "zh" ? "English" : "中文";
  element("language").lang = language === "zh" ? "en" : "zh";
  const count = (state) => study.trials.filter((trial) => trial.state === state).length;
  element("summary").textContent = text("summary")({ trials: study.trials.length, objective: study.objective, maximize: study.maximize,
    COMPLETE: count("COMPLETE"), PRUNED: count("PRUNED"), FAIL: count("FAIL"), RUNNING: count("RUNNING") });
  best();
  fill("history", history);
  fill("reports", reports);
  fill("parallel", parallel);
  fill("importance", importance);
  fill("slices", slices);
  table();
  mark();
}

element("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  write();
});
document.addEventListener("click", choose);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("tr[data-trial]")) {
    choose(event);
  }
});
write();
