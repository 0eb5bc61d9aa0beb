"""Hugging Face's Trainer on texts: a collator that adds synthetic rows, tokenises and pads.

Run: python examples/text_transformers.py        (half a minute)
"""

import tempfile

import numpy as np
from datasets import ClassLabel, Dataset
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

from gen_augment import AEDASampler, TextCollator, augment_dataset

rng = np.random.default_rng(0)
PARTS = {
    "weather": ["is it raining", "will the sun shine", "how cold does it get", "is there snow"],
    "travel": ["when does the train leave", "book a flight", "where is the bus stop"],
    "food": ["how long to boil an egg", "a recipe with rice", "is this cheese fresh"],
}
WHERE = ["in Oslo", "at home", "near me", "for two", "tomorrow", "on Monday", "tonight", ""]
labels = rng.integers(3, size=400)
names = list(PARTS)
# Every tenth row is misplaced, as in data that people have labelled.
texts = [f"{rng.choice(PARTS[names[i]])} {rng.choice(WHERE)} {rng.choice(WHERE)}" for i in labels]
labels = np.where(rng.random(400) < 0.1, rng.integers(3, size=400), labels)
data = Dataset.from_dict({"text": texts, "label": labels}).cast_column(
    "label", ClassLabel(3, names)
)
train, test = data.select(range(60)), data.select(range(60, 400))

# A tiny model with random weights. Use AutoTokenizer and AutoModel with a folder of yours.
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

sampler = AEDASampler(random_state=0).fit(train)
print(augment_dataset(train, sampler, ratio=1.0))  # rows that are made once
mixed = TextCollator(sampler, tokenizer, ratio=0.5)  # or new rows in every batch
plain = TextCollator(sampler, tokenizer, ratio=0.0)


class AugmentedTrainer(Trainer):
    # Trainer uses one collator for training and evaluation.
    def get_eval_dataloader(self, eval_dataset=None):
        collator, self.data_collator = self.data_collator, plain
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = collator


with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        folder,
        num_train_epochs=20,
        per_device_train_batch_size=20,
        learning_rate=3e-3,
        remove_unused_columns=False,  # the collator needs the texts
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    trainer = AugmentedTrainer(
        model,
        arguments,
        data_collator=mixed,
        train_dataset=train,
        eval_dataset=test,
        compute_metrics=lambda result: {
            "accuracy": np.mean(result.predictions.argmax(axis=1) == result.label_ids)
        },
    )
    trainer.train()
    print(f"accuracy on rows not seen: {trainer.evaluate()['eval_accuracy']:.3f}")
