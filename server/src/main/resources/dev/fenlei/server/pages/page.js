"use strict";

const TEXTS = {
  zh: {
    docs: "接口文档", model: "模型", text: "文本", candidates: "类别（用逗号分隔）", hint: "Ctrl + Enter 分类", submit: "分类",
    probabilities: "各类别的概率", working: "正在分类……", unreachable: "无法连接服务。",
    ownLabels: "（留空则使用模型自带的类别）",
    result: (label, confidence) => `类别：${label}（${confidence}）`,
    details: (mass, ms) => `模型把 ${mass} 的概率给了这些类别；用时 ${ms} 毫秒。`,
  },
  en: {
    docs: "API", model: "Model", text: "Text", candidates: "Candidates (parted by commas)", hint: "Ctrl + Enter classifies",
    submit: "Classify", probabilities: "Probability of each candidate", working: "Classifying …",
    unreachable: "The service cannot be reached.", ownLabels: " (empty: those of the model)",
    result: (label, confidence) => `Label: ${label} (${confidence})`,
    details: (mass, ms) => `The model gives these candidates ${mass} of its probability; it took ${ms} ms.`,
  },
};

const element = (id) => document.getElementById(id);
let language = navigator.language.startsWith("zh") ? "zh" : "en";
let models = [];
let last = null;

function percent(share) {
  return share >= 0.0005 || share === 0 ? `${(share * 100).toFixed(1)} %` : "< 0.1 %";
}

function write() {
  const texts = TEXTS[language];
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-text]")) {
    node.textContent = texts[node.dataset.text];
  }
  const other = language === "zh" ? "en" : "zh";
  element("language").textContent = other === "zh" ? "中文" : "English";
  element("language").lang = other;
  const model = models.find((each) => each.id === element("model").value);
  if (model && model.labels.length > 0) {
    document.querySelector("label[for=candidates]").textContent += texts.ownLabels;
  }
  if (last) {
    show(last);
  }
}

function say(message, isError) {
  element("message").textContent = message;
  element("message").className = isError ? "error" : "";
}

function row(label, score, isBest) {
  const tr = document.createElement("tr");
  tr.className = isBest ? "best" : "";
  const th = document.createElement("th");
  th.scope = "row";
  th.textContent = label;
  th.title = label;
  const bar = document.createElement("td");
  const track = document.createElement("div");
  track.className = "track";
  const fill = document.createElement("div");
  fill.className = "fill";
  fill.style.width = `${score * 100}%`;
  track.append(fill);
  bar.append(track);
  const value = document.createElement("td");
  value.className = "value";
  value.textContent = percent(score);
  tr.append(th, bar, value);
  return tr;
}

function show(answer) {
  const item = answer.data[0];
  const texts = TEXTS[language];
  say(texts.result(item.label, percent(item.confidence)), false);
  element("bars").tBodies[0].replaceChildren(...item.scores.map((s) => row(s.label, s.score, s.label === item.label)));
  element("bars").hidden = false;
  element("details").textContent = texts.details(percent(item.candidate_mass), answer.timings.total_ms.toFixed(0));
}

function clear() {
  last = null;
  element("bars").hidden = true;
  element("details").textContent = "";
}

async function classify(event) {
  event.preventDefault();
  const request = { model: element("model").value || undefined, input: element("text").value };
  const candidates = element("candidates").value.trim();
  if (candidates) {
    request.candidates = candidates;
  }
  clear();
  say(TEXTS[language].working, false);
  element("submit").disabled = true;
  element("result").setAttribute("aria-busy", "true");
  try {
    const response = await fetch("/v1/classify", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(request),
    });
    const answer = await response.json();
    if (response.ok) {
      last = answer;
      show(answer);
    } else {
      say(answer.error.message, true);
    }
  } catch {
    say(TEXTS[language].unreachable, true);
  } finally {
    element("submit").disabled = false;
    element("result").setAttribute("aria-busy", "false");
  }
}

async function loadModels() {
  try {
    models = (await (await fetch("/v1/models")).json()).data;
    element("model").replaceChildren(...models.map((model) => new Option(model.id)));
    if (models.length > 0 && models[0].labels.length > 0) {
      element("candidates").value = "";
    }
    write();
  } catch {
    say(TEXTS[language].unreachable, true);
  }
}

element("form").addEventListener("submit", classify);
element("model").addEventListener("change", write);
element("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    element("form").requestSubmit();
  }
});
element("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  write();
});
write();
loadModels();
