"""Which labels openvino-model-api's resolvers keep of what the heads of a hierarchical model found.

    ENV/bin/pip install openvino-model-api==0.4.7 torch
    ENV/bin/python Tools/goldens/hierarchy.py

`Tests/OTXCoreTests/HierarchyTests.swift` draws the same.
"""

import numpy as np
from model_api.models.classification import GreedyLabelsResolver, ProbabilisticLabelsResolver

from common import noise, write

GROUPS = [["Rigid", "Soft"], ["Box", "Ball"], ["Sponge", "Cloth"], ["Red"], ["Dark"], ["Wet"]]
PARENTS = {"Box": "Rigid", "Ball": "Rigid", "Sponge": "Soft", "Cloth": "Soft", "Wet": "Sponge",
           "Dark": "Red"}
LABELS = [label for group in GROUPS for label in group]
CASES = 40


def main():
    configuration = {
        "cls_heads_info": {
            "label_to_idx": {label: index for index, label in enumerate(LABELS)},
            "all_groups": GROUPS,
        },
        "label_tree_edges": [[child, parent] for child, parent in PARENTS.items()],
    }
    units = ((noise(CASES * len(LABELS), 8000) + 1) / 2).reshape(CASES, -1)
    cases = {}
    for name, resolver in {
        "greedy": GreedyLabelsResolver(configuration),
        "probabilistic": ProbabilisticLabelsResolver(configuration),
    }.items():
        rows = np.zeros((CASES, len(LABELS)))
        for index, row in enumerate(units):
            found = [(label, 0.0 if unit < 0.3 else float(np.float32(unit)))
                     for label, unit in zip(LABELS, row) if unit >= 0.2]
            result = resolver.resolve_labels(found)
            assert [label.name for label in result] == sorted(label.name for label in result)
            for label in result:
                rows[index, label.id] = label.confidence
        cases[name] = rows
    write("OTXCore", "hierarchy", cases, samples=None)


if __name__ == "__main__":
    main()
