'use strict';
(() => {
  const words = {
    zh: {
      runs: '运行', other: 'English', find: '查找', keys: '键盘：j/k 移动，回车打开，x 叠加，b 设为基线', none: '这个文件夹里还没有运行。用 train 开始一个。', curves: '曲线', difference: '对比', console: '控制台', report: '报告', remarks: '笔记与标签',
      smoothing: '平滑', logY: '纵轴对数', logX: '横轴对数', over: '横轴', step: '步', epoch: '轮', seconds: '秒', differenceHelp: '勾选要比较的运行，选定一个基线；与基线不同的设置会突出显示。', onlyDifferent: '只看不同的设置',
      alone: '在新标签页中打开', notes: '笔记', tagsHelp: '标签（用逗号分隔）', save: '保存', saved: '已保存', remove: '删除', cancel: '取消', question: name => `永久删除运行 ${name} 及其检查点和适配器？此操作无法撤销。`,
      show: '叠加', baseline: '基线', run: '运行', state: '状态', progress: '进度', loss: '损失', validation: '验证 F1', test: '测试准确率', started: '开始', tags: '标签', settings: '设置', metrics: '指标',
      RUNNING: '运行中', STALLED: '停滞', FINISHED: '完成', INTERRUPTED: '已中断', FAILED: '失败', CRASHED: '崩溃', UNREADABLE: '无法读取', connected: '', lost: '连接已断开，正在重连……', count: n => `${n} 个`, empty: '（没有输出）',
      plots: {loss: '训练损失', validation_macro_f1: '验证集宏平均 F1', validation_accuracy: '验证集准确率', validation_nll: '验证集负对数似然', learning_rate: '学习率', gradient_norm: '梯度范数', tokens_per_second: '每秒词元', resident_bytes: '常驻内存 (GiB)', process_cpu_load: '处理器占用'},
      rows: {accuracy: '测试准确率', f1: '测试宏平均 F1', nll: '测试负对数似然', ece: '测试 ECE', vf1: '验证 F1', loss: '最后的损失'}
    },
    en: {
      runs: 'runs', other: '中文', find: 'Find', keys: 'Keys: j/k move, Enter opens, x overlays, b sets the baseline', none: 'There are no runs in this folder yet. Begin one with train.', curves: 'Curves', difference: 'Difference', console: 'Console', report: 'Report', remarks: 'Notes and tags',
      smoothing: 'smoothing', logY: 'logarithmic y', logX: 'logarithmic x', over: 'over', step: 'steps', epoch: 'epochs', seconds: 'seconds', differenceHelp: 'Tick the runs to compare and choose a baseline; settings that differ from it stand out.', onlyDifferent: 'only settings that differ',
      alone: 'Open in a tab of its own', notes: 'Notes', tagsHelp: 'Tags (parted by commas)', save: 'Save', saved: 'saved', remove: 'Delete', cancel: 'Cancel', question: name => `Delete the run ${name} for good, with its checkpoints and its adapter?`,
      show: 'overlay', baseline: 'baseline', run: 'run', state: 'state', progress: 'progress', loss: 'loss', validation: 'validation F1', test: 'test accuracy', started: 'started', tags: 'tags', settings: 'settings', metrics: 'metrics',
      RUNNING: 'running', STALLED: 'stalled', FINISHED: 'finished', INTERRUPTED: 'interrupted', FAILED: 'failed', CRASHED: 'crashed', UNREADABLE: 'unreadable', connected: '', lost: 'Connection lost, trying again …', count: n => `${n} runs`, empty: '(no output)',
      plots: {loss: 'training loss', validation_macro_f1: 'validation macro F1', validation_accuracy: 'validation accuracy', validation_nll: 'validation NLL', learning_rate: 'learning rate', gradient_norm: 'gradient norm', tokens_per_second: 'tokens per second', resident_bytes: 'resident memory (GiB)', process_cpu_load: 'processor load'},
      rows: {accuracy: 'test accuracy', f1: 'test macro F1', nll: 'test NLL', ece: 'test ECE', vf1: 'validation F1', loss: 'last loss'}
    }
  };
  const $ = id => document.getElementById(id);
  const stored = () => { try { return localStorage.getItem('fenlei-language'); } catch { return null; } };
  let language = stored() || (navigator.language.startsWith('zh') ? 'zh' : 'en');
  let t = words[language];
  let runs = [];
  let chosen = null, baseline = null, tab = 'curves';
  const shown = new Set();
  const courses = new Map(); // name -> {version, offset, lines}
  const consoles = new Map(); // name -> {version, offset, text}
  const MAX_CONSOLE = 400000;

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
      else if (key === 'checked') element.checked = value;
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value === true ? '' : value);
    }
    element.append(...children.filter(child => child !== null && child !== undefined));
    return element;
  }

  const four = value => Number.isFinite(value) ? value.toFixed(4) : '–';
  const find = name => runs.find(run => run.name === name);
  const best = name => {
    const scores = (courses.get(name)?.lines || []).filter(line => line.validation_macro_f1 !== undefined);
    return scores.findLast(line => line.best) || scores.at(-1);
  };
  const lastLoss = name => (courses.get(name)?.lines || []).findLast(line => line.loss !== undefined)?.loss;
  // What is drawn together: the ticked runs and the open one. A run keeps its colour while it is.
  const colours = new Map();
  function together() {
    const names = [...new Set([...shown, ...(chosen ? [chosen] : [])])].filter(find);
    for (const name of [...colours.keys()]) if (!names.includes(name)) colours.delete(name);
    for (const name of names) {
      if (!colours.has(name)) colours.set(name, [0, 1, 2, 3, 4, 5, 6, 7].find(c => ![...colours.values()].includes(c)) ?? names.indexOf(name) % 8);
    }
    return names;
  }

  function visible() {
    const sought = $('find').value.trim().toLowerCase();
    return runs.filter(run => !sought || [run.name, run.notes, ...(run.tags || []), run.model, t[run.state]].some(text => String(text).toLowerCase().includes(sought)));
  }

  function drawList() {
    const focus = document.activeElement?.dataset?.focus;
    $('head').replaceChildren(...['show', 'baseline', 'run', 'state', 'progress', 'loss', 'validation', 'test', 'started', 'tags'].map(key => make('th', {scope: 'col'}, t[key])));
    const list = visible();
    $('count').textContent = t.count(list.length);
    $('none').hidden = runs.length > 0;
    together();
    $('runs').tBodies[0].replaceChildren(...list.map(run => {
      const share = run.total_steps ? run.step / run.total_steps : 0;
      return make('tr', {class: run.name === chosen ? 'chosen' : false, 'data-run': run.name},
        make('td', {}, make('input', {type: 'checkbox', 'aria-label': `${t.show} ${run.name}`, 'data-focus': 'show ' + run.name, checked: shown.has(run.name), onchange: e => overlay(run.name, e.target.checked)})),
        make('td', {}, make('input', {type: 'radio', name: 'baseline', 'aria-label': `${t.baseline} ${run.name}`, 'data-focus': 'base ' + run.name, checked: baseline === run.name, onchange: () => { baseline = run.name; drawDetail(); }})),
        make('td', {}, colours.has(run.name) ? make('span', {class: `swatch c${colours.get(run.name)}`}) : null, make('button', {type: 'button', class: 'name', 'data-focus': 'open ' + run.name, 'aria-current': run.name === chosen ? 'true' : false, onclick: () => open(run.name)}, run.name)),
        make('td', {}, make('span', {class: 'state ' + run.state, title: run.error || ''}, t[run.state] || run.state)),
        make('td', {}, make('span', {class: 'meter', 'aria-hidden': 'true'}, make('i', {style: `width:${100 * share}%`})), `${run.step}/${run.total_steps}`),
        make('td', {class: 'n'}, four(lastLoss(run.name))),
        make('td', {class: 'n'}, four(best(run.name)?.validation_macro_f1)),
        make('td', {class: 'n'}, four(run.test?.accuracy)),
        make('td', {}, run.started ? new Date(run.started).toLocaleString(language) : '–'),
        make('td', {}, ...(run.tags || []).map(tag => make('span', {class: 'tag'}, tag))));
    }));
    if (focus) document.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
  }

  async function grown(path, name, known) {
    const query = new URLSearchParams({name, version: known.version, offset: known.offset});
    const answer = await fetch(`${path}?${query}`);
    if (!answer.ok) throw new Error(String(answer.status));
    const more = await answer.json();
    known.version = more.version;
    known.offset = more.offset;
    return more;
  }

  async function loadCourse(name) {
    const course = courses.get(name) || {version: '', offset: 0, lines: []};
    courses.set(name, course);
    const more = await grown('/api/metrics', name, course);
    if (more.reset) course.lines = [];
    for (const line of more.text.split('\n')) {
      if (line) try { course.lines.push(JSON.parse(line)); } catch { /* a damaged line is left out */ }
    }
    return more.reset || more.text.length > 0;
  }

  async function loadConsole(name) {
    const log = consoles.get(name) || {version: '', offset: 0, text: ''};
    consoles.set(name, log);
    const more = await grown('/api/console', name, log);
    log.text = ((more.reset ? '' : log.text) + more.text).slice(-MAX_CONSOLE);
  }

  // One pass at a time: what comes in between is done by the next.
  let loading = false, again = false;
  async function refresh() {
    if (loading) { again = true; return; }
    loading = true;
    try {
      do {
        again = false;
        // All courses once, for the table; then those that may still grow.
        const wanted = runs.filter(run => !courses.has(run.name) || run.state === 'RUNNING' || run.state === 'STALLED' || together().includes(run.name));
        for (const run of wanted) await loadCourse(run.name).catch(() => {});
        if (tab === 'console' && chosen) await loadConsole(chosen).catch(() => {});
        drawList();
        drawDetail();
      } while (again);
    } finally { loading = false; }
  }

  function overlay(name, on) {
    if (on) shown.add(name); else shown.delete(name);
    if (shown.size && !baseline) baseline = name;
    refresh();
  }

  function open(name) {
    chosen = name;
    baseline ??= name;
    const run = find(name);
    $('notes').value = run?.notes || '';
    $('tags').value = (run?.tags || []).join(', ');
    $('saved').textContent = '';
    $('frame').removeAttribute('src');
    $('log').textContent = '';
    refresh();
    drawList();
    drawDetail();
  }

  function drawCharts() {
    const names = together();
    const axis = $('axis').value;
    const options = {smoothing: +$('smoothing').value, logY: $('log-y').checked, logX: $('log-x').checked};
    const boxes = [];
    for (const [key, title] of Object.entries(t.plots)) {
      const scale = key === 'resident_bytes' ? 2 ** -30 : 1;
      const series = names.map(name => {
        const lines = courses.get(name)?.lines || [];
        const start = lines.find(line => line.time)?.time;
        return {name, colour: colours.get(name), dots: key.startsWith('validation'),
          points: lines.filter(line => line[key] !== undefined).map(line => [axis === 'time' ? line.time - start : line[axis], line[key] * scale])};
      }).filter(s => s.points.length);
      if (series.length) boxes.push([key, title, series]);
    }
    const holders = $('charts');
    const wanted = boxes.map(([key]) => key).join();
    if (holders.dataset.keys !== wanted + language) {
      holders.dataset.keys = wanted + language;
      holders.replaceChildren(...boxes.map(([key, title]) => make('div', {}, make('h3', {}, title), make('div', {id: 'chart-' + key}))));
    }
    for (const [key, title, series] of boxes) Charts.line($('chart-' + key), {...options, title, series, smoothing: series[0].dots ? 0 : options.smoothing});
  }

  function drawDifference() {
    const names = together();
    const base = find(baseline) ? baseline : names[0];
    const order = [base, ...names.filter(name => name !== base)].filter(Boolean);
    const text = value => value === undefined || value === null ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value);
    const head = make('thead', {}, make('tr', {}, make('th'), ...order.map(name => make('th', {scope: 'col'}, name === base ? `${name} (${t.baseline})` : name))));
    const rows = [make('tr', {class: 'group'}, make('th', {colspan: order.length + 1}, t.metrics))];
    const figures = {
      accuracy: [run => run.test?.accuracy, 1], f1: [run => run.test?.macro?.f1, 1], nll: [run => run.test?.calibration?.log_loss, -1], ece: [run => run.test?.calibration?.ece_15, -1],
      vf1: [run => best(run.name)?.validation_macro_f1, 1], loss: [run => lastLoss(run.name), -1]
    };
    for (const [key, [figure, sign]] of Object.entries(figures)) {
      const values = order.map(name => figure(find(name)));
      if (!values.some(Number.isFinite)) continue;
      rows.push(make('tr', {}, make('th', {scope: 'row'}, t.rows[key]), ...values.map((value, i) => {
        const difference = value - values[0];
        return make('td', {}, four(value), i && Number.isFinite(difference) ? make('span', {class: difference * sign > 0 ? 'better' : difference ? 'worse' : 'dim'}, ` ${difference >= 0 ? '+' : '−'}${Math.abs(difference).toFixed(4)}`) : null);
      })));
    }
    rows.push(make('tr', {class: 'group'}, make('th', {colspan: order.length + 1}, t.settings)));
    const of = name => ({...find(name).settings, model: find(name).model, data: find(name).data});
    const keys = [...new Set(order.flatMap(name => Object.keys(of(name))))];
    for (const key of keys) {
      const values = order.map(name => text(of(name)[key]));
      const differs = values.some(value => value !== values[0]);
      if (!differs && $('only-different').checked && order.length > 1) continue;
      rows.push(make('tr', {}, make('th', {scope: 'row'}, key), ...values.map(value => make('td', {class: value !== values[0] ? 'other' : false}, value))));
    }
    $('differences').replaceChildren(head, make('tbody', {}, ...rows));
  }

  function drawDetail() {
    const run = find(chosen);
    $('detail').hidden = !run;
    if (!run) return;
    $('name').textContent = run.name;
    $('problem').hidden = !run.error;
    $('problem').textContent = run.error || '';
    for (const panel of document.querySelectorAll('[role=tabpanel]')) panel.hidden = panel.id !== tab;
    for (const each of document.querySelectorAll('[role=tab]')) {
      const on = each.id === 'tab-' + tab;
      each.setAttribute('aria-selected', on);
      each.tabIndex = on ? 0 : -1;
    }
    if (tab === 'curves') drawCharts();
    if (tab === 'difference') drawDifference();
    if (tab === 'console') {
      const log = $('log');
      const follow = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      const content = consoles.get(chosen)?.text || t.empty;
      if (log.textContent !== content) log.textContent = content;
      if (follow) log.scrollTop = log.scrollHeight;
    }
    if (tab === 'report') {
      const address = '/report?' + new URLSearchParams({name: run.name});
      $('alone').href = address;
      if ($('frame').getAttribute('src') !== address) $('frame').src = address;
    }
  }

  function choose(next) {
    tab = next;
    drawDetail();
    if (tab === 'console') refresh();
  }

  function write() {
    t = words[language];
    document.documentElement.lang = language;
    document.title = 'Fenlei ' + t.runs;
    for (const node of document.querySelectorAll('[data-text]')) node.textContent = t[node.dataset.text];
    $('language').textContent = t.other;
    drawList();
    drawDetail();
  }

  async function post(path, body) {
    const answer = await fetch(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});
    if (!answer.ok) throw new Error((await answer.json()).error?.message || String(answer.status));
  }

  $('form').addEventListener('submit', async event => {
    event.preventDefault();
    const tags = $('tags').value.split(/[,，]/).map(tag => tag.trim()).filter(Boolean);
    try {
      await post('/api/remarks', {name: chosen, notes: $('notes').value, tags});
      $('saved').textContent = t.saved;
    } catch (error) { $('saved').textContent = error.message; }
  });
  $('delete').addEventListener('click', () => {
    $('question').textContent = t.question(chosen);
    $('refusal').textContent = '';
    $('confirm').showModal();
  });
  $('cancel').addEventListener('click', () => $('confirm').close());
  $('really').addEventListener('click', async () => {
    try {
      await post('/api/delete', {name: chosen, confirm: chosen});
      shown.delete(chosen);
      courses.delete(chosen);
      if (baseline === chosen) baseline = null;
      runs = runs.filter(run => run.name !== chosen);
      chosen = null;
      $('confirm').close();
      drawList();
      drawDetail();
    } catch (error) { $('refusal').textContent = error.message; }
  });
  const tabs = [...document.querySelectorAll('[role=tab]')];
  for (const each of tabs) {
    each.addEventListener('click', () => choose(each.getAttribute('aria-controls')));
    each.addEventListener('keydown', event => {
      const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (!step) return;
      const next = tabs[(tabs.indexOf(each) + step + tabs.length) % tabs.length];
      next.focus();
      next.click();
      event.preventDefault();
    });
  }
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== 'checkbox' && event.target.type !== 'radio' || $('confirm').open) return;
    const list = visible();
    const focused = document.activeElement?.closest?.('tr[data-run]')?.dataset.run;
    const at = list.findIndex(run => run.name === (focused || chosen));
    if (event.key === 'j' || event.key === 'k') {
      const next = list[Math.min(list.length - 1, Math.max(0, at < 0 ? 0 : at + (event.key === 'j' ? 1 : -1)))];
      if (next) document.querySelector(`[data-focus="open ${CSS.escape(next.name)}"]`)?.focus();
    } else if (event.key === 'x' && at >= 0) overlay(list[at].name, !shown.has(list[at].name));
    else if (event.key === 'b' && at >= 0) { baseline = list[at].name; drawList(); drawDetail(); }
  });
  for (const id of ['smoothing', 'log-y', 'log-x', 'axis']) $(id).addEventListener('input', drawDetail);
  $('only-different').addEventListener('change', drawDetail);
  $('find').addEventListener('input', drawList);
  $('language').addEventListener('click', () => {
    language = language === 'zh' ? 'en' : 'zh';
    try { localStorage.setItem('fenlei-language', language); } catch { /* not without storage */ }
    write();
  });
  let pending;
  addEventListener('resize', () => { clearTimeout(pending); pending = setTimeout(drawDetail, 150); });

  const events = new EventSource('/api/events');
  events.addEventListener('runs', event => {
    runs = JSON.parse(event.data);
    drawList();
    refresh();
  });
  events.addEventListener('open', () => { $('connection').textContent = t.connected; });
  events.addEventListener('error', () => { $('connection').textContent = t.lost; });
  write();
})();
