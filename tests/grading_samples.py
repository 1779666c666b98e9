"""A small bank for the grading tests: two questions, authored in full, so that these tests don't move with the shipped bank."""

from __future__ import annotations

from interviewer.domain.questions import Bank, KeyPoint, LocalText, Misconception, Question

ADD = KeyPoint(
    "add-then-step",
    LocalText(
        "逐个 micro-batch 做前向和反向，把梯度累加起来，攒够若干步才更新一次参数并清零梯度。",
        "Run forward and backward on micro-batches one by one, sum their gradients, and take one optimiser step after several.",
    ),
    3,
    (("micro-batch", "微批次", "小批次"), ("optimizer step", "更新参数", "参数更新")),
    (
        "就是先不急着更新，跑几个小 batch，梯度一直往上加，加够了再更新一次",
        "把大批次拆开一份一份算，反向传播之后不清零，等攒够步数才走一步优化器",
        "you just keep calling backward on small pieces and only step and zero the grads every N pieces",
    ),
    (
        "每个小 batch 算完马上更新参数，再清零梯度，这样等效于大 batch",
        "you run all micro-batches forward first and do a single backward pass at the end over everything",
    ),
)
MEMORY = KeyPoint(
    "memory",
    LocalText(
        "峰值显存由 micro-batch 的激活值决定，而等效 batch 是 micro-batch 乘累积步数。",
        (
            "Peak memory follows the activations of one micro-batch, while the effective batch is micro-batch times "
            "accumulation steps."
        ),
    ),
    2,
    (("激活值", "激活", "activation"), ("等效 batch", "effective batch")),
    (
        "任何时候显存里只放一小份数据的中间结果，但更新的效果相当于几份加起来那么大",
        "memory only sees the small batch, but the update behaves as if the batch were N times bigger",
    ),
    (
        "显存会随着累积步数线性增长，因为要存下每一步的激活",
        "every accumulation step keeps its activations, so memory still grows",
    ),
)
SCALE = KeyPoint(
    "scale",
    LocalText(
        "每个 micro-batch 的损失要除以累积步数，否则累加后的梯度会偏大。",
        "Each micro-batch loss is divided by the number of steps, otherwise the summed gradient is too large.",
    ),
    2,
    (("归一化", "除以累积步数", "normalise"), ("损失", "loss")),
    (
        "loss 记得除以步数，不然加起来梯度就大了好几倍",
        "divide the loss by the number of pieces, or your gradient is N times too big",
    ),
    ("损失要乘以累积步数，才能跟大 batch 对上", "no scaling is needed because summed gradients equal the mean gradient"),
)
QUESTION = Question(
    "gradient-accumulation",
    "training",
    1,
    LocalText(
        "显存放不下大 batch 的时候，大家常用梯度累积。它是怎么做的，有什么要注意的？",
        (
            "When a large batch does not fit in memory, people use gradient accumulation. How does it work, and what do "
            "you watch out for?"
        ),
    ),
    LocalText(
        "我把一个大 batch 切成若干个 micro-batch，逐个做前向和反向，梯度直接加在参数的 grad 上，"
        "攒够预定的步数才更新一次参数并清零。"
        "因为激活值只需要保留一个 micro-batch 的，峰值显存由它决定，等效 batch 是它乘累积步数。"
        "损失通常按样本取平均，所以每个 micro-batch 的损失要除以累积步数，否则梯度会偏大。",
        "I split the large batch into micro-batches, run forward and backward on each, sum the gradients and take one "
        "step after several. "
        "Activations are kept for one micro-batch only, so peak memory follows it while the effective batch is it "
        "times the steps. "
        "The loss is a mean, so each micro-batch loss is divided by the number of steps, otherwise the gradient is too large.",
    ),
    (ADD, MEMORY, SCALE),
    misconceptions=(
        Misconception(
            LocalText("梯度累积和真正的大 batch 完全一样。", "Accumulation is identical to a large batch."),
            LocalText("BatchNorm 只看到 micro-batch 的统计量。", "BatchNorm sees the statistics of a micro-batch only."),
            ("梯度累积跟大 batch 完全等价，没有任何区别", "it is exactly the same as a big batch in every case"),
        ),
    ),
)
OTHER = Question(
    "bm25",
    "retrieval",
    2,
    LocalText("BM25 是怎么给文档打分的？", "How does BM25 score documents?"),
    LocalText(
        "BM25 对查询里的每个词，用词频和逆文档频率打分，词频有饱和，长文档会被惩罚，最后把各个词的分数加起来排序。",
        (
            "BM25 scores each query word by term frequency, which saturates, and inverse document frequency, and "
            "penalises long documents."
        ),
    ),
    (
        KeyPoint(
            "idf",
            LocalText("稀有的词权重更高，常见的词权重低。", "Rare words weigh more than common ones."),
            2,
            (("逆文档频率", "idf"),),
            ("越少见的词越能说明问题，分数给得越高", "a word that is in every document tells you nothing"),
            ("越常见的词权重越高", "common words get the highest weight"),
        ),
    ),
)
BANK = Bank((QUESTION, OTHER), {"training": LocalText("训练", "Training"), "retrieval": LocalText("检索", "Retrieval")})
GOOD = "。".join(p.accepted[0] for p in QUESTION.key_points)
HALF = ADD.accepted[0]
WRONG = "。".join(p.contrasts[0] for p in QUESTION.key_points)
