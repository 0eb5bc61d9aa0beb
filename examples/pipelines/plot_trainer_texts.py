"""
Hugging Face's Trainer: texts
=============================

`gen_augment.TextCollator` replaces a share of each batch by new texts, calls your tokenizer and
pads. So every epoch sees other sentences.
"""

# %%
# Sixty questions
# ---------------
# The texts are made by a small grammar. Every tenth label is wrong, as in data that people have
# labelled.

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from datasets import ClassLabel, Dataset
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)

from gen_augment import AEDASampler, TextCollator

rng = np.random.default_rng(0)
PARTS = {
    "weather": ["is it raining", "will the sun shine", "how cold does it get", "is there snow"],
    "travel": ["when does the train leave", "book a flight", "where is the bus stop"],
    "food": ["how long to boil an egg", "a recipe with rice", "is this cheese fresh"],
}
WHERE = ["in Oslo", "at home", "near me", "for two", "tomorrow", "on Monday", "tonight", ""]
names = list(PARTS)
labels = rng.integers(3, size=400)
texts = [f"{rng.choice(PARTS[names[i]])} {rng.choice(WHERE)} {rng.choice(WHERE)}" for i in labels]
labels = np.where(rng.random(400) < 0.1, rng.integers(3, size=400), labels)
data = Dataset.from_dict({"text": texts, "label": labels})
data = data.cast_column("label", ClassLabel(3, names))
train, test = data.select(range(60)), data.select(range(60, 400))

# %%
# A tokenizer and a tiny model
# ----------------------------
# Both start from nothing here. Use ``AutoTokenizer`` and ``AutoModel`` with a folder of yours.

words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
words.train_from_iterator(
    train["text"], trainers.WordLevelTrainer(special_tokens=["[PAD]", "[UNK]"])
)
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", model_max_length=32
)
set_seed(0)
model = BertForSequenceClassification(
    BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        num_labels=3,
    )
)

# %%
# New texts in every batch
# ------------------------
# AEDA puts punctuation between the words. Half of each batch is new.

sampler = AEDASampler(random_state=0).fit(train)
for text in sampler.sample(3)[0]["text"]:
    print(text)
mixed = TextCollator(sampler, tokenizer, ratio=0.5)
plain = TextCollator(sampler, tokenizer, ratio=0.0)

# %%
# Only training batches
# ---------------------
# Trainer uses one collator for training and for evaluation, so evaluation gets the plain one.


class AugmentedTrainer(Trainer):
    def get_eval_dataloader(self, eval_dataset=None):
        collator, self.data_collator = self.data_collator, plain
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = collator


arguments = TrainingArguments(
    tempfile.mkdtemp(),
    num_train_epochs=20,
    per_device_train_batch_size=20,
    learning_rate=3e-3,
    remove_unused_columns=False,  # the collator needs the texts
    report_to=[],
    use_cpu=True,
    save_strategy="no",
    logging_steps=1,
    disable_tqdm=True,
)
trainer = AugmentedTrainer(
    model,
    arguments,
    data_collator=mixed,
    train_dataset=train,
    eval_dataset=test,
    compute_metrics=lambda found: {
        "accuracy": np.mean(found.predictions.argmax(axis=1) == found.label_ids)
    },
)

# %%
# Train
# -----

trainer.remove_callback(PrinterCallback)
trainer.train()

figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
axes.plot([record["loss"] for record in trainer.state.log_history if "loss" in record])
axes.set(xlabel="step", ylabel="training loss")
print(f"accuracy on rows not seen: {trainer.evaluate()['eval_accuracy']:.3f}")
