// Check that the search of the built pages finds the answer to each question on its first page.
// Run: node docs/check_search.js docs/_build/html
// The search runs as in a browser: Sphinx's own files, with the little of a page that they touch.

const fs = require("fs");
const path = require("path");
const vm = require("vm");

const ANSWERS = {
  "how to choose the ratio": "guide/studies#how-to-choose-the-ratio",
  "how many synthetic rows do I need": "guide/studies#how-to-choose-the-ratio",
  "how to use one's own pretrained generator": "guide/samplers#use-your-own-pretrained-generator",
  "how to train on a GPU": "guide/devices",
  "how to train on several GPUs": "guide/devices",
  "how to train on a GPU and on several": "guide/devices",
  "how to add a metric to a study": "extending/metric",
  "how to resume": "guide/studies#resume-an-interrupted-run",
  "save and load a sampler": "guide/samplers#save-and-load",
  "folder of images": "guide/images#from-a-folder-to-a-dataloader",
  "CSV file": "guide/tables",
  "texts": "guide/text",
  "wav files": "guide/audio",
  "time series": "guide/series",
};

const nothing = () => undefined;
const page = {
  console, URLSearchParams,
  document: { readyState: "loading", addEventListener: nothing, getElementById: nothing },
  localStorage: { getItem: nothing, setItem: nothing, removeItem: nothing },
};
page.window = page;
page.document.documentElement = { dataset: { content_root: "./" } };
vm.createContext(page);

const build = process.argv[2];
const scripts = ["documentation_options", "language_data", "doctools", "sphinx_highlight"];
for (const name of [...scripts, "searchtools"].map((script) => `_static/${script}.js`)) {
  page.location = { search: "", href: "file:///search.html" };
  vm.runInContext(fs.readFileSync(path.join(build, name), "utf8"), page, { filename: name });
}
vm.runInContext(fs.readFileSync(path.join(build, "searchindex.js"), "utf8"), page);

let wrong = 0;
for (const [question, answer] of Object.entries(ANSWERS)) {
  page.question = question;
  page.location.search = `?q=${encodeURIComponent(question)}`;
  const found = vm.runInContext("Search._performSearch(...Search._parseQuery(question))", page);
  const [first, , anchor] = found.pop() ?? ["nothing", "", ""];
  const place = answer.includes("#") ? `${first}${anchor}` : first;
  if (place !== answer) {
    console.log(`${question}: ${first}${anchor} is found first, not ${answer}`);
    wrong += 1;
  }
}
console.log(`${Object.keys(ANSWERS).length} questions, ${wrong} without their answer first`);
process.exit(wrong ? 1 : 0);
