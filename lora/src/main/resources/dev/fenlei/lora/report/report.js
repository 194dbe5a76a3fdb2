'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const words = {
    zh: {
      other: 'English', report: '训练报告', result: '结果', curves: '曲线', classes: '各类别', confusion: '混淆矩阵', mistakes: '最自信的错误', calibration: '校准', length: '文本长度与准确率',
      data: '数据', card: '复现', accuracy: '准确率', macroF1: '宏平均 F1', nll: '负对数似然', ece: '校准误差 ECE', brier: 'Brier 分数', rows: '测试样本', invalid: '候选之外的回答', bare: '未微调准确率', best: '最佳步', kappa: 'Kappa',
      precision: '精确率', recall: '召回率', f1: 'F1', support: '样本数', label: '类别', truth: '真实', predicted: '预测', macro: '宏平均', weighted: '加权平均',
      pick: '点击一格，查看其中的文本。行是真实类别，列是预测类别。', more: '显示更多', none: '没有样本', outside: '其他', confidence: '置信度', pTrue: '真实类别的概率', characters: '字符', omitted: '条预测正确的样本未收录', shortened: '长文本在此已截断，全文见 predictions.jsonl。',
      loss: '训练损失', rate: '学习率', norm: '梯度范数', speed: '每秒词元', validation: '验证集', memory: '内存 (GiB)', load: '处理器占用', heap: '堆', resident: '常驻', process: '本进程', system: '整机', logY: '对数坐标', smoothing: '平滑',
      reliability: '可靠性图', reliabilityHelp: '完全校准时，曲线与对角线重合：在置信度 0.8 的回答中，80% 是对的。', observed: '准确率', ideal: '完全校准', histogram: '置信度分布', temperature: '最佳温度', logLoss: '对数损失',
      train: '训练集', valid: '验证集', test: '测试集', count: '条数', duplicates: '重复文本', conflicting: '重复而类别不同', median: '中位长度', p95: '95% 长度', longest: '最长', balance: '类别分布',
      overlapTest: n => `${n} 条测试文本也出现在训练集中：测试结果会偏高。`, overlapValid: n => `${n} 条验证文本也出现在训练集中。`, clean: '训练集与测试集没有相同的文本。', noData: '此运行没有 data.json。', lines: '行',
      command: '命令', settings: '参数', environment: '环境', noTest: '没有测试结果。', noSteps: '还没有训练步。', started: '开始', state: '状态', contents: '目录', step: '步', mistakesHelp: '回答错误时模型最有把握的样本；也常是标注错误。', allRight: '没有错误。'
    },
    en: {
      other: '中文', report: 'Training report', result: 'Result', curves: 'Curves', classes: 'Classes', confusion: 'Confusion matrix', mistakes: 'Most confident mistakes', calibration: 'Calibration', length: 'Accuracy by text length',
      data: 'Data', card: 'Reproduce', accuracy: 'accuracy', macroF1: 'macro F1', nll: 'negative log-likelihood', ece: 'calibration error (ECE)', brier: 'Brier score', rows: 'test examples', invalid: 'answers outside the candidates', bare: 'accuracy without adapter', best: 'best step', kappa: 'kappa',
      precision: 'precision', recall: 'recall', f1: 'F1', support: 'support', label: 'label', truth: 'true', predicted: 'predicted', macro: 'macro', weighted: 'weighted',
      pick: 'Choose a cell to read its texts. Rows are the true labels, columns the predicted ones.', more: 'Show more', none: 'No examples', outside: 'other', confidence: 'confidence', pTrue: 'probability of the true label', characters: 'characters', omitted: 'examples that were answered right are left out', shortened: 'Long texts are cut here; predictions.jsonl has all of them.',
      loss: 'training loss', rate: 'learning rate', norm: 'gradient norm', speed: 'tokens per second', validation: 'validation', memory: 'memory (GiB)', load: 'processor load', heap: 'heap', resident: 'resident', process: 'this process', system: 'whole machine', logY: 'logarithmic', smoothing: 'smoothing',
      reliability: 'Reliability diagram', reliabilityHelp: 'A perfectly calibrated model lies on the diagonal: of answers with confidence 0.8, 80 % are right.', observed: 'accuracy', ideal: 'perfect', histogram: 'Distribution of confidence', temperature: 'best temperature', logLoss: 'log loss',
      train: 'training', valid: 'validation', test: 'test', count: 'rows', duplicates: 'repeated texts', conflicting: 'repeated with another label', median: 'median length', p95: '95 % length', longest: 'longest', balance: 'Class balance',
      overlapTest: n => `${n} texts of the test data are in the training data too: the figures are too good.`, overlapValid: n => `${n} texts of the validation data are in the training data too.`, clean: 'No text of the test data is in the training data.', noData: 'This run has no data.json.', lines: 'lines',
      command: 'Command', settings: 'Settings', environment: 'Environment', noTest: 'There is no evaluation.', noSteps: 'There are no steps yet.', started: 'started', state: 'state', contents: 'contents', step: 'step', mistakesHelp: 'Wrong answers that the model was surest of; often it is the label that is wrong.', allRight: 'There are none.'
    }
  };
  const stored = () => { try { return localStorage.getItem('fenlei-language'); } catch { return null; } };
  let language = stored() || (navigator.language.startsWith('zh') ? 'zh' : 'en');
  let t = words[language];
  let smoothing = 0.6, logLoss = false;
  const PAGE = 12;

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value === true ? '' : value);
    }
    element.append(...children.filter(child => child !== null && child !== undefined));
    return element;
  }

  const percent = value => value === null || value === undefined ? '–' : (100 * value).toFixed(1) + '%';
  const four = value => value === null || value === undefined ? '–' : value.toFixed(4);

  function section(id, title, ...children) {
    return make('section', {id, 'aria-labelledby': id + '-h'}, make('h2', {id: id + '-h'}, title), ...children);
  }

  function table(head, rows, numeric = []) {
    const cell = (tag, value, i) => make(tag, {class: numeric.includes(i) ? 'n' : false}, value instanceof Node ? value : String(value ?? '–'));
    return make('div', {class: 'scroll'}, make('table', {},
      head ? make('thead', {}, make('tr', {}, ...head.map((h, i) => cell('th', h, i)))) : null,
      make('tbody', {}, ...rows.map(row => make('tr', {}, ...row.map((value, i) => cell('td', value, i)))))));
  }

  function tiles() {
    const e = data.evaluation, c = e?.metrics.calibration;
    const best = data.best;
    const list = e ? [[t.accuracy, four(e.metrics.accuracy)], [t.macroF1, four(e.metrics.macro.f1)], [t.kappa, four(e.metrics.cohen_kappa)],
      c && [t.nll, four(c.log_loss)], c && [t.ece, four(c.ece_15)], c && [t.brier, four(c.brier)], [t.rows, e.rows],
      e.invalid > 0 && [t.invalid, e.invalid]] : [];
    if (data.baseline !== null) list.push([t.bare, four(data.baseline)]);
    if (best) list.push([t.best, `${best.step} · F1 ${four(best.validation_macro_f1)}`]);
    return section('result', t.result, e ? null : make('p', {class: 'dim'}, t.noTest),
      make('div', {class: 'tiles'}, ...list.filter(Boolean).map(([name, value]) => make('div', {class: 'tile'}, make('b', {}, String(value)), make('span', {}, name)))));
  }

  const drawn = [];
  function chart(title, draw) {
    const box = make('div');
    drawn.push(() => draw(box));
    return make('div', {}, make('h3', {}, title), box);
  }

  function curves() {
    const steps = data.steps;
    if (!steps.step.length) return section('curves', t.curves, make('p', {class: 'dim'}, t.noSteps));
    const column = (name, factor = 1) => steps.step.map((x, i) => [x, steps[name][i] === null ? NaN : steps[name][i] * factor]);
    const validation = name => data.validations.map(v => [v.step, v[name]]);
    const redraw = () => drawn.forEach(draw => draw());
    const controls = make('p', {},
      make('label', {}, t.smoothing + ' ', make('input', {type: 'range', min: 0, max: 0.98, step: 0.02, value: smoothing, id: 'smoothing', oninput: e => { smoothing = +e.target.value; redraw(); }})), ' ',
      make('label', {}, make('input', {type: 'checkbox', id: 'log', checked: logLoss, onchange: e => { logLoss = e.target.checked; redraw(); }}), ' ' + t.logY));
    const has = name => steps[name]?.some(value => value !== null);
    return section('curves', t.curves, controls, make('div', {class: 'grid2'},
      chart(t.loss, box => Charts.line(box, {title: t.loss, series: [{name: t.loss, points: column('loss')}], smoothing, logY: logLoss})),
      data.validations.length ? chart(t.validation, box => Charts.line(box, {title: t.validation, series: [
        {name: t.accuracy, points: validation('validation_accuracy'), dots: true}, {name: t.macroF1, points: validation('validation_macro_f1'), dots: true}]})) : null,
      data.validations.length ? chart(t.validation + ' · ' + t.nll, box => Charts.line(box, {title: t.nll, series: [{name: t.nll, points: validation('validation_nll'), dots: true}]})) : null,
      chart(t.rate, box => Charts.line(box, {title: t.rate, series: [{name: t.rate, points: column('learning_rate')}]})),
      chart(t.norm, box => Charts.line(box, {title: t.norm, series: [{name: t.norm, points: column('gradient_norm')}], smoothing, logY: logLoss})),
      chart(t.speed, box => Charts.line(box, {title: t.speed, series: [{name: t.speed, points: column('tokens_per_second')}], smoothing})),
      has('heap_bytes') ? chart(t.memory, box => Charts.line(box, {title: t.memory, series: [{name: t.heap, points: column('heap_bytes', 2 ** -30)}, {name: t.resident, points: column('resident_bytes', 2 ** -30)}]})) : null,
      has('process_cpu_load') ? chart(t.load, box => Charts.line(box, {title: t.load, series: [{name: t.process, points: column('process_cpu_load')}, {name: t.system, points: column('system_cpu_load')}], smoothing, yRange: [0, 1]})) : null));
  }

  function meter(value) {
    return make('span', {style: 'white-space:nowrap'}, make('span', {class: 'meter', 'aria-hidden': 'true'}, make('i', {style: `width:${100 * value}%`})), four(value));
  }

  function classes() {
    const rows = data.evaluation.per_class.map(c => [c.label, meter(c.precision), meter(c.recall), meter(c.f1), c.support]);
    const m = data.evaluation.metrics;
    for (const name of ['macro', 'weighted']) rows.push([t[name], meter(m[name].precision), meter(m[name].recall), meter(m[name].f1), data.evaluation.rows]);
    return section('classes', t.classes, table([t.label, t.precision, t.recall, t.f1, t.support], rows, [4]));
  }

  function example([truth, predicted, confidence, pTrue, length, text, id], number) {
    const name = index => index < data.labels.length ? data.labels[index] : data.answers[index - data.labels.length] || '–';
    const right = truth === predicted;
    return make('div', {class: 'example'}, make('p', {}, text),
      make('p', {class: 'about'}, `${t.truth} `, make('b', {}, name(truth)), ` · ${t.predicted} `, make('b', {class: right ? 'right' : 'wrong'}, name(predicted)),
        confidence === null ? '' : ` · ${t.confidence} ${four(confidence)}`, right || pTrue === null ? '' : ` · ${t.pTrue} ${four(pTrue)}`, ` · ${length} ${t.characters}`, id ? ` · ${id}` : ` · #${number + 1}`));
  }

  function listing(rows) {
    const box = make('div', {class: 'examples'});
    let shown = 0;
    const more = make('button', {class: 'plain', type: 'button', onclick: () => add()}, t.more);
    function add() {
      for (const row of rows.slice(shown, shown + PAGE)) box.insertBefore(example(row, data.rows.indexOf(row)), more);
      shown += PAGE;
      more.hidden = shown >= rows.length;
    }
    box.append(more);
    add();
    if (!rows.length) box.append(make('p', {class: 'dim'}, t.none));
    return box;
  }

  function confusion() {
    const counts = data.evaluation.confusion, labels = data.labels;
    const outside = data.evaluation.invalid > 0;
    const most = Math.max(...counts.flat());
    const texts = make('div', {id: 'cell', 'aria-live': 'polite'});
    let pressed = null;
    const choose = (button, i, j) => {
      pressed?.setAttribute('aria-pressed', 'false');
      pressed = button;
      button.setAttribute('aria-pressed', 'true');
      const rows = data.rows.filter(row => row[0] === i && (j === labels.length ? row[1] >= j : row[1] === j));
      texts.replaceChildren(make('h3', {}, `${t.truth} ${labels[i]} → ${t.predicted} ${j === labels.length ? t.outside : labels[j]} (${button.textContent})`), listing(rows));
      texts.scrollIntoView({block: 'nearest'});
    };
    const cell = (i, j, count) => {
      const heat = count / most;
      const button = make('button', {type: 'button', 'aria-pressed': 'false', 'data-cell': `${i},${j}`, class: (count ? '' : 'zero ') + (i === j ? 'diagonal' : ''),
        style: `background:rgba(var(--heat),${count ? 0.12 + 0.6 * heat : 0})`, title: `${labels[i]} → ${j === labels.length ? t.outside : labels[j]}: ${count}`}, String(count));
      button.addEventListener('click', () => choose(button, i, j));
      return make('td', {}, button);
    };
    const missed = i => data.evaluation.per_class[i].support - counts[i].reduce((a, b) => a + b, 0);
    const matrix = make('table', {id: 'matrix'},
      make('thead', {}, make('tr', {}, make('td'), ...labels.map(label => make('th', {scope: 'col'}, label)), outside ? make('th', {scope: 'col'}, t.outside) : null)),
      make('tbody', {}, ...counts.map((row, i) => make('tr', {}, make('th', {scope: 'row'}, labels[i]), ...row.map((count, j) => cell(i, j, count)), outside ? cell(i, labels.length, missed(i)) : null))));
    matrix.addEventListener('keydown', event => {
      const move = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
      const at = event.target.dataset.cell?.split(',').map(Number);
      const next = move && at && matrix.querySelector(`[data-cell="${at[0] + move[0]},${at[1] + move[1]}"]`);
      if (next) { next.focus(); event.preventDefault(); }
    });
    return section('confusion', t.confusion, make('p', {class: 'dim'}, t.pick), make('div', {class: 'scroll'}, matrix), texts,
      data.omitted ? make('p', {class: 'dim'}, `${data.omitted} ${t.omitted}`) : null, data.cut ? make('p', {class: 'dim'}, t.shortened) : null);
  }

  function mistakes() {
    const wrong = data.rows.filter(row => row[0] !== row[1]).sort((a, b) => (b[2] ?? 0) - (a[2] ?? 0));
    return section('mistakes', `${t.mistakes} (${wrong.length})`, make('p', {class: 'dim'}, wrong.length ? t.mistakesHelp : t.allRight), wrong.length ? listing(wrong) : null);
  }

  function calibration() {
    const c = data.evaluation.metrics.calibration;
    const bins = c.bins.filter(b => b.rows);
    return section('calibration', t.calibration,
      make('div', {class: 'tiles'}, ...[[t.ece, four(c.ece_15)], [t.brier, four(c.brier)], [t.logLoss, four(c.log_loss)], [t.temperature, four(data.evaluation.metrics.temperature)]]
        .map(([name, value]) => make('div', {class: 'tile'}, make('b', {}, value), make('span', {}, name)))),
      make('p', {class: 'dim'}, t.reliabilityHelp),
      make('div', {class: 'grid2'},
        chart(t.reliability, box => Charts.line(box, {title: t.reliability, xRange: [0, 1], yRange: [0, 1], height: 300, series: [
          {name: t.observed, points: bins.map(b => [b.confidence, b.accuracy]), dots: true}, {name: t.ideal, points: [[0, 0], [1, 1]], dashed: true}]})),
        chart(t.histogram, box => Charts.bars(box, {title: t.histogram, height: 300, bars: c.bins.map((b, i) => ({name: ((i + 1) / c.bins.length).toFixed(2), value: b.rows}))}))));
  }

  function lengths() {
    return section('length', t.length, chart('', box => Charts.bars(box, {title: t.length, max: 1, bars: data.by_length.map(b => ({
      name: b.from === b.to ? String(b.from) : `${b.from}–${b.to}`, value: b.correct / b.rows, note: `${b.correct}/${b.rows}`}))})));
  }

  function overview() {
    const d = data.data;
    if (!d) return section('data', t.data, make('p', {class: 'dim'}, t.noData));
    const parts = ['train', 'validation', 'test'].filter(name => d[name]);
    const title = {train: t.train, validation: t.valid, test: t.test};
    const where = overlap => overlap.lines.length ? ` (${t.lines} ${overlap.lines.join(', ')}${overlap.rows > overlap.lines.length ? ', …' : ''})` : '';
    const warnings = [];
    if (d.train_in_test.rows) warnings.push(t.overlapTest(d.train_in_test.rows) + where(d.train_in_test));
    if (d.train_in_validation.rows) warnings.push(t.overlapValid(d.train_in_validation.rows) + where(d.train_in_validation));
    const most = Math.max(...parts.flatMap(p => Object.values(d[p].classes)));
    return section('data', t.data,
      ...warnings.map(w => make('p', {class: 'warning', role: 'alert'}, w)), d.test && !d.train_in_test.rows ? make('p', {class: 'dim'}, t.clean) : null,
      table(['', t.count, t.median, t.p95, t.longest, t.duplicates, t.conflicting],
        parts.map(p => [title[p], d[p].rows, d[p].lengths.median, d[p].lengths.p95, d[p].lengths.max, d[p].duplicates, d[p].conflicting]), [1, 2, 3, 4, 5, 6]),
      make('h3', {style: 'margin-top:14px'}, t.balance),
      table([t.label, ...parts.map(p => title[p])], d.labels.map(label => [label, ...parts.map(p => {
        const n = d[p].classes[label] || 0;
        return make('span', {}, make('span', {class: 'meter', 'aria-hidden': 'true'}, make('i', {style: `width:${100 * n / most}%`})), String(n));
      })])));
  }

  function card() {
    const run = data.run;
    const flat = Object.entries(run.settings || {}).map(([k, v]) => [k, typeof v === 'string' ? v : JSON.stringify(v)]);
    const about = ['started', 'fenlei_version', 'java', 'system', 'processors', 'vector_bits', 'model', 'model_config_sha256', 'data', 'data_sha256', 'folder']
      .filter(key => run[key] !== undefined && run[key] !== null).map(key => [key, String(run[key])]);
    return section('card', t.card, make('h3', {}, t.command), make('pre', {id: 'command'}, data.command),
      make('div', {class: 'grid2'}, make('div', {}, make('h3', {}, t.settings), table(null, flat)), make('div', {}, make('h3', {}, t.environment), table(null, about))));
  }

  function render() {
    t = words[language];
    document.documentElement.lang = language;
    document.title = `${data.name} · ${t.report}`;
    document.getElementById('title').textContent = data.name;
    document.getElementById('subtitle').textContent = `${t.report} · ${data.run.started || ''}`;
    const button = document.getElementById('language');
    button.textContent = t.other;
    drawn.length = 0;
    const e = data.evaluation;
    const sections = [tiles(), curves(), ...(e ? [classes(), confusion(), mistakes(), e.metrics.calibration ? calibration() : null, lengths()] : []), overview(), card()].filter(Boolean);
    document.getElementById('main').replaceChildren(...sections);
    document.getElementById('contents').setAttribute('aria-label', t.contents);
    document.getElementById('contents').replaceChildren(...sections.map(s => make('a', {href: '#' + s.id}, s.firstChild.textContent)));
    drawn.forEach(draw => draw());
  }

  document.getElementById('language').addEventListener('click', () => {
    language = language === 'zh' ? 'en' : 'zh';
    try { localStorage.setItem('fenlei-language', language); } catch { /* a file has no storage in some browsers */ }
    render();
  });
  let pending;
  let lastWidth = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth === lastWidth) return;
    lastWidth = innerWidth;
    clearTimeout(pending);
    pending = setTimeout(() => drawn.forEach(draw => draw()), 150);
  });
  render();
})();
