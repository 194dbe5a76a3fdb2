'use strict';
// Charts as SVG, drawn by hand so that a report needs nothing from outside. Colours come from the page's CSS variables.
const Charts = (() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const COLOURS = 8;
  const MAX_POINTS = 800;

  function svg(name, attributes = {}, ...children) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  function format(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return '–';
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2);
    return String(+value.toPrecision(5));
  }

  // Exponential moving average with the bias of its start taken out, as TensorBoard draws it.
  function smooth(points, weight) {
    if (!weight) return points;
    let last = 0, norm = 0;
    return points.map(([x, y]) => {
      if (!Number.isFinite(y)) return [x, y];
      last = last * weight + (1 - weight) * y;
      norm = norm * weight + (1 - weight);
      return [x, last / norm];
    });
  }

  // Fewer points that look the same: the lowest and the highest of each run of neighbours.
  function thin(points) {
    if (points.length <= MAX_POINTS) return points;
    const size = Math.ceil(points.length / (MAX_POINTS / 2));
    const kept = [];
    for (let from = 0; from < points.length; from += size) {
      let low = from, high = from;
      for (let i = from; i < Math.min(points.length, from + size); i++) {
        if (points[i][1] < points[low][1]) low = i;
        if (points[i][1] > points[high][1]) high = i;
      }
      kept.push(points[Math.min(low, high)]);
      if (low !== high) kept.push(points[Math.max(low, high)]);
    }
    const last = points[points.length - 1];
    if (kept[kept.length - 1] !== last) kept.push(last);
    return kept;
  }

  function ticks(low, high, count) {
    const raw = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= raw);
    const list = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) list.push(i * step);
    return list;
  }

  // Powers of ten, and between them 2 and 5 or all digits where there are few.
  function logTicks(a, b) {
    const digits = b - a > 3 ? [1] : b - a > 1 ? [1, 2, 5] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const list = [];
    for (let power = Math.floor(a); power <= b; power++) {
      for (const digit of digits) {
        const place = power + Math.log10(digit);
        if (place >= a - 1e-9 && place <= b + 1e-9) list.push(digit * 10 ** power);
      }
    }
    const every = Math.ceil(list.length / 8);
    return list.filter((_, i) => i % every === 0);
  }

  function scale(low, high, from, to, log, count) {
    const f = log ? Math.log10 : v => v;
    let [a, b] = [f(low), f(high)];
    if (a === b) { a -= log ? 0.5 : Math.abs(a) * 0.1 || 0.5; b += log ? 0.5 : Math.abs(b) * 0.1 || 0.5; }
    const at = value => from + (f(value) - a) / (b - a) * (to - from);
    const marks = log ? logTicks(a, b) : ticks(a, b, count);
    return {at, marks, value: place => { const v = a + (place - from) / (to - from) * (b - a); return log ? 10 ** v : v; }};
  }

  // Lines over a number. options: series [{name, points [[x, y]], dots, dashed, colour}], title, logX, logY, smoothing, height,
  // xRange, yRange.
  function line(container, options) {
    const width = Math.max(280, container.clientWidth || 600), height = options.height || 220;
    const margin = {left: 58, right: 12, top: 10, bottom: 26};
    const usable = ([x, y]) => Number.isFinite(x) && Number.isFinite(y) && (!options.logX || x > 0) && (!options.logY || y > 0);
    const series = options.series.map((s, i) => ({...s, colour: s.colour ?? i % COLOURS, raw: s.points.filter(usable)}));
    const all = series.flatMap(s => s.raw);
    container.replaceChildren();
    if (!all.length) {
      const empty = document.createElement('p');
      empty.className = 'empty';
      empty.textContent = '–';
      container.append(empty);
      return;
    }
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [x, y] of all) { x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y); }
    if (options.xRange) [x0, x1] = options.xRange;
    if (options.yRange) [y0, y1] = options.yRange;
    const X = scale(x0, x1, margin.left, width - margin.right, options.logX, Math.max(3, Math.floor(width / 90)));
    const Y = scale(y0, y1, height - margin.bottom, margin.top, options.logY, 5);
    const root = svg('svg', {viewBox: `0 0 ${width} ${height}`, width: '100%', height, role: 'img', class: 'chart'});
    const described = series.map(s => s.raw.length ? `${s.name}: ${format(s.raw[s.raw.length - 1][1])}` : '').filter(Boolean).join('; ');
    root.setAttribute('aria-label', (options.title || '') + ' ' + described);
    for (const mark of Y.marks) {
      root.append(svg('line', {x1: margin.left, x2: width - margin.right, y1: Y.at(mark), y2: Y.at(mark), class: 'grid'}),
        svg('text', {x: margin.left - 6, y: Y.at(mark) + 4, 'text-anchor': 'end'}, format(mark)));
    }
    for (const mark of X.marks) {
      root.append(svg('text', {x: X.at(mark), y: height - 8, 'text-anchor': 'middle'}, format(mark)));
    }
    for (const s of series) {
      const path = points => points.map(([x, y], i) => (i ? 'L' : 'M') + X.at(x).toFixed(1) + ' ' + Y.at(y).toFixed(1)).join('');
      s.drawn = smooth(s.raw, options.smoothing);
      if (options.smoothing && !s.dots) root.append(svg('path', {d: path(thin(s.raw)), class: `line faint c${s.colour}`}));
      root.append(svg('path', {d: path(thin(s.drawn)), class: `line c${s.colour}` + (s.dashed ? ' dashed' : '')}));
      if (s.dots) for (const [x, y] of s.raw) root.append(svg('circle', {cx: X.at(x), cy: Y.at(y), r: 3.5, class: `dot c${s.colour}`}));
    }
    const cursor = svg('line', {y1: margin.top, y2: height - margin.bottom, class: 'cursor', visibility: 'hidden'});
    root.append(cursor);
    const tip = document.createElement('div');
    tip.className = 'tip';
    tip.hidden = true;
    root.addEventListener('pointermove', event => {
      const box = root.getBoundingClientRect();
      const place = (event.clientX - box.left) / box.width * width;
      const x = X.value(place);
      const found = series.map(s => [s, nearest(s.drawn, x)]).filter(([, p]) => p);
      if (!found.length) return;
      cursor.setAttribute('x1', X.at(found[0][1][0]));
      cursor.setAttribute('x2', X.at(found[0][1][0]));
      cursor.setAttribute('visibility', 'visible');
      tip.replaceChildren(...[[null, [null, found[0][1][0]]], ...found].map(([s, p]) => {
        const row = document.createElement('div');
        row.textContent = s ? `${s.name}: ${format(p[1])}` : format(p[1]);
        if (s) row.className = `text c${s.colour}`;
        return row;
      }));
      tip.hidden = false;
      tip.style.left = Math.min(box.width - 150, Math.max(0, event.clientX - box.left + 12)) + 'px';
      tip.style.top = '12px';
    });
    root.addEventListener('pointerleave', () => { tip.hidden = true; cursor.setAttribute('visibility', 'hidden'); });
    container.classList.add('chart-box');
    container.append(root, tip);
    if (series.length > 1) {
      const legend = document.createElement('div');
      legend.className = 'legend';
      for (const s of series) {
        const key = document.createElement('span');
        key.className = `key c${s.colour}`;
        key.textContent = s.name;
        legend.append(key);
      }
      container.append(legend);
    }
  }

  function nearest(points, x) {
    let low = 0, high = points.length - 1;
    if (high < 0) return null;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle][0] < x) low = middle; else high = middle;
    }
    return Math.abs(points[low][0] - x) <= Math.abs(points[high][0] - x) ? points[low] : points[high];
  }

  // Upright bars. options: bars [{name, value, note}], max.
  function bars(container, options) {
    const width = Math.max(280, container.clientWidth || 600), height = options.height || 200;
    const margin = {left: 44, right: 8, top: 18, bottom: 34};
    const most = options.max || Math.max(...options.bars.map(b => b.value || 0)) || 1;
    const Y = scale(0, most, height - margin.bottom, margin.top, false, 4);
    const step = (width - margin.left - margin.right) / options.bars.length;
    const root = svg('svg', {viewBox: `0 0 ${width} ${height}`, width: '100%', height, role: 'img', class: 'chart'});
    root.setAttribute('aria-label', (options.title || '') + ' ' + options.bars.map(b => `${b.name}: ${format(b.value)}`).join('; '));
    for (const mark of Y.marks) {
      root.append(svg('line', {x1: margin.left, x2: width - margin.right, y1: Y.at(mark), y2: Y.at(mark), class: 'grid'}),
        svg('text', {x: margin.left - 6, y: Y.at(mark) + 4, 'text-anchor': 'end'}, format(mark)));
    }
    options.bars.forEach((bar, i) => {
      const x = margin.left + i * step;
      if (Number.isFinite(bar.value)) {
        root.append(svg('rect', {x: x + step * 0.12, width: step * 0.76, y: Y.at(bar.value), height: Y.at(0) - Y.at(bar.value), class: 'bar'},
          svg('title', {}, `${bar.name}: ${format(bar.value)} ${bar.note || ''}`)));
      }
      if (bar.mark !== undefined && bar.mark !== null) {
        root.append(svg('line', {x1: x + step * 0.06, x2: x + step * 0.94, y1: Y.at(bar.mark), y2: Y.at(bar.mark), class: 'mark'}));
      }
      if (step > 26 || i % Math.ceil(30 / step) === 0) {
        root.append(svg('text', {x: x + step / 2, y: height - 18, 'text-anchor': 'middle'}, bar.name));
        if (bar.note && step > 26) root.append(svg('text', {x: x + step / 2, y: height - 5, 'text-anchor': 'middle', class: 'note'}, bar.note));
      }
    });
    container.replaceChildren(root);
  }

  return {line, bars, format};
})();
