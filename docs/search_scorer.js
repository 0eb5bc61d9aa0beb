// Pages come first whose headings hold the words of a question; guides come before reference.

["how", "do", "does", "i", "my", "own", "one", "s", "can", "use", "what", "which", "when", "me"]
  .forEach((word) => stopwords.add && stopwords.add(word));

const stems = (text) => {
  const stemmer = new Stemmer();
  return text.toLowerCase().split(/[^\p{L}\p{N}_]+/u)
    .filter((word) => word && !stopwords.has(word))
    .map((word) => stemmer.stemWord(word));
};

// The heading of each page that holds the largest share of the question's words.
const bestHeadings = (question) => {
  const words = stems(question);
  const best = {};
  for (const [heading, places] of Object.entries(Search._index.alltitles)) {
    const found = new Set(stems(heading));
    const share = words.filter((word) => found.has(word)).length / Math.max(1, words.length);
    for (const [file, id] of places) {
      const page = Search._index.docnames[file];
      if (share > (best[page]?.share ?? 0)) best[page] = { share, anchor: id ? `#${id}` : "" };
    }
  }
  return best;
};

var Scorer = {
  score: (item) => {
    const [page, , anchor, , score] = item;
    const question = new URLSearchParams(window.location.search).get("q") || "";
    if (Scorer.question !== question) {
      Scorer.question = question;
      Scorer.best = bestHeadings(question);
    }
    const { share, anchor: heading } = Scorer.best[page] ?? { share: 0, anchor: "" };
    item[2] = anchor || heading; // a link to the heading rather than to the top of its page
    const guide = /^(guide|extending|install|quickstart)/.test(page) ? 10 : 0;
    const list = /^(glossary|changelog|contributing|benchmarks|index$|guide\/index)/.test(page);
    return Math.min(score, 20) + 20 * share + guide - (list ? 15 : 0);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
