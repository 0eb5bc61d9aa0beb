"""Words of a report in plain language, for readers who meet them for the first time."""

import re
from collections.abc import Iterable

__all__ = ["GLOSSARY", "words_used"]

#: Each word and its meaning, in the order in which a reader needs them.
GLOSSARY = {
    "arm": "One way to train the classifier. All arms use the same splits and the same effort.",
    "synthetic rows": "Rows that a generator made. It learned from the training rows alone.",
    "seed": "One repetition: a new split or new initial weights, the same for all arms.",
    "validation": "Real rows on which the arms of the verdict were chosen; no arm trains on them.",
    "test": "Real rows that are read once, at the end. All scores are measured on them.",
    "balanced accuracy": "The share of right answers in each class, averaged over classes.",
    "worst-class recall": "The share of right answers in the class that does worst.",
    "macro F1": "The mean over classes of F1, which combines precision and recall.",
    "interval": "The range in which the true difference probably lies. If it contains 0, the "
    "difference may be chance.",
    "p (Holm)": "How often chance alone would give such a difference, corrected for the number "
    "of comparisons. Small values speak against chance.",
    "p (Wilcoxon)": "As p (Holm), from the order of the differences alone and for one comparison.",
    "bootstrap": "An interval that is computed by drawing the seeds again and again.",
    "train minus test": "How much better the classifier does on rows that it was trained on.",
    "negative log-likelihood": "The penalty for probabilities of the true class that are too low.",
    "Brier score": "The squared error of the predicted probabilities. Smaller is better.",
    "expected calibration error": "How far predicted probabilities are from observed shares.",
    "area under the ROC curve": "How well scores separate the classes; 50% is guessing.",
    "average precision": "The mean precision over all recalls; it is high if the rows of a class "
    "have its highest scores.",
    "oversample": "Rows of small classes are repeated until all classes have the same size.",
    "smote": "New rows between neighbours of one class (SMOTE).",
    "shift": "Images, or other rows, are moved by a random amount.",
    "flip": "Images are mirrored at random.",
    "cutout": "A random square of each image is blanked out.",
    "mixup": "Pairs of rows, and their labels, are blended.",
    "cutmix": "A rectangle of one image is pasted into another, and their labels are blended.",
    "randaugment": "Random changes of geometry and colour, such as rotation and contrast.",
    "augmix": "Each image is blended with several randomly changed versions of itself.",
    "weights": "Rare classes count more in the loss.",
    "logit": "Predictions are corrected for the frequency of the classes.",
    "threshold": "The threshold of each class is tuned on rows set aside.",
    "share": "How much of what the classifier sees is synthetic.",
    "vary": "New versions of real rows are made instead of new rows.",
    "guidance": "How strongly the generator is pushed towards the class.",
    "agreement": "Only synthetic rows are used whose label a classifier of real rows confirms.",
    "realism": "Only synthetic rows are used that lie near real rows.",
    "novelty": "Only synthetic rows are used that are no near copies of training rows.",
    "shuffled": "A control: the labels of synthetic rows are shuffled, which should hurt.",
    "repeat": "A control: each real row is used twice, which should change nothing.",
    "teacher": "A slow, accurate model whose predictions the classifier learns.",
}


def words_used(texts: Iterable[str]) -> dict[str, str]:
    """Return the part of `GLOSSARY` whose words occur in some text.

    Examples
    --------
    >>> list(words_used(["oversample+mixup", "p (Holm)"]))
    ['p (Holm)', 'oversample', 'mixup']
    """
    text = "\n".join(texts)
    return {
        word: meaning
        for word, meaning in GLOSSARY.items()
        if re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text)
    }
