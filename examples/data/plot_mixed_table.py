"""
A mixed table, with conditions
==============================

Samples of a DataFrame are a DataFrame with the same columns and dtypes. You can ask for rows that
meet conditions, such as patients of one group over sixty.
"""

# %%
# Medical records
# ---------------
# The table has whole numbers, decimal numbers and a category. The label says whether diabetes grew
# worse than in most patients.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

from gen_augment import ConditionalVAE

data = load_diabetes(as_frame=True, scaled=False)
X = data.data[["age", "sex", "bmi", "bp", "s3"]].rename(columns={"bp": "pressure", "s3": "hdl"})
X = X.astype({"age": int, "pressure": int, "hdl": int})
X["sex"] = pd.Categorical(np.where(X["sex"] == 1, "group 1", "group 2"))
y = pd.Series(np.where(data.target > data.target.median(), "worse", "better"), name="course")
print(X.dtypes)

# %%
# New patients
# ------------
# Numbers, whole numbers and categories come back as they were.

sampler = ConditionalVAE(max_steps=1500, random_state=0).fit(X, y)
X_new, y_new = sampler.sample(400)
print(X_new.head())
print("same types:", (X_new.dtypes == X.dtypes).all())

# %%
# Do the columns look alike?
# --------------------------

figure, axes = plt.subplots(1, 4, figsize=(9, 2.4), layout="constrained")
for axis, name in zip(axes, ["age", "bmi", "pressure", "hdl"], strict=True):
    bins = np.linspace(X[name].min(), X[name].max(), 16)
    axis.hist(X[name], bins, density=True, color="0.7", label="real")
    axis.hist(X_new[name], bins, density=True, histtype="step", color="C1", label="synthetic")
    axis.set(title=name, yticks=[])
axes[0].legend(fontsize="small")

# %%
# Rows that meet conditions
# -------------------------
# ``where`` takes values and ranges. The sampler draws until it has as many rows as you asked for,
# so the rows in the box have the other columns that belong to it.

condition = {"sex": "group 2", "age": (60, None)}
older, _ = sampler.sample(100, where=condition)

figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
axes.scatter(X["age"], X["pressure"], color="0.8", label="real")
axes.scatter(X_new["age"], X_new["pressure"], s=9, color="C0", label="synthetic")
axes.scatter(older["age"], older["pressure"], marker="x", color="C1", label="group 2, from 60")
axes.axvline(60, color="C1", linestyle=":")
axes.set(xlabel="age", ylabel="blood pressure")
axes.legend(loc="upper left")

# %%
# Real patients of that age have a higher pressure than others, and so have the synthetic ones.

real_older = X[(X["sex"] == "group 2") & (X["age"] >= 60)]
print(f"mean pressure of all patients: {X['pressure'].mean():.0f}")
print(f"of real ones who meet the condition: {real_older['pressure'].mean():.0f}")
print(f"of synthetic ones who meet it: {older['pressure'].mean():.0f}")
