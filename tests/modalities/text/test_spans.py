"""Shared spans against a search of all substrings."""

from hypothesis import given
from hypothesis import strategies as st

from gen_augment.modalities.text.spans import MAX_SPAN, SharedSpans

TEXTS = st.lists(st.lists(st.sampled_from("abc"), max_size=12), min_size=1, max_size=5)


def spans(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


@given(TEXTS, TEXTS)
def test_the_longest_span_is_found(train: list[list[str]], texts: list[list[str]]) -> None:
    known = SharedSpans(train)
    for text, found in zip(texts, known.longest(texts).tolist(), strict=True):
        shared = [
            n for n in range(1, 13) if set(spans(text, n)) & {s for t in train for s in spans(t, n)}
        ]
        assert found == max(shared, default=0)
    every = [span for text in texts for span in spans(text, 3)]
    copied = {span for text in train for span in spans(text, 3)}
    if every:
        assert known.copied(texts, 3) == sum(span in copied for span in every) / len(every)
    else:
        assert known.copied(texts, 3) != known.copied(texts, 3)


def test_long_spans_count_as_copies() -> None:
    text = [f"w{i}" for i in range(100)]
    assert SharedSpans([text]).longest([text]).tolist() == [MAX_SPAN]
    assert SharedSpans([text]).shares([text, ["other"], []]).tolist() == [1, 0, 0]
