"""Small closed word lists of Chinese and English that grading leans on: negation, opposites, function words, fillers.

Knows language, not deep learning: nothing here names a topic. Every pattern is applied to text already folded by
`domain.text.normalise` (NFKC, lower case), so none of them needs a flag.
"""

from __future__ import annotations

import re

#: Words that contain a negating character without negating anything.
_NOT_NEGATING = (
    "不同|不过|不仅|不但|不断|差不多|不然|不管|不论|无论|非常|除非|未来|没错|不错|无非|不光|不单|不只|要不|好不好|是不是|"
    "能不能|会不会|不一样|不见得不|无监督|非线性|非零|无关紧要|不知不觉|不等式|不变量|不确定性|莫非|未必不|不得不|不妨"
)
_ENGLISH_NEGATION = (
    r"\b(?:not|no|never|without|neither|nor|none|cannot|hardly|instead of|rather than|nothing|doesnt|dont|isnt|wont|cant)\b|"
    r"n't\b|n’t\b"
)
_CHINESE_NEGATION = (
    "而不是|而非|不再|不用|不需要|无需|无须|不必|并不|并非|没有|不是|不会|不能|不要|没法|无法|不|没|无|未|别|非|勿|免去"
)
NEGATION = re.compile(
    f"(?P<skip>{_NOT_NEGATING}|\\bnot only\\b|\\bno matter\\b|\\bnot just\\b)|{_CHINESE_NEGATION}|{_ENGLISH_NEGATION}"
)

#: Where the reach of a negation ends.
SCOPE_END = re.compile(r"[，,。.;；:：!！?？\n]|而是|但是|但|不过|\bbut\b|\bso\b|所以|就|才")
#: How many tokens (a Chinese character or a Latin word) a negation reaches: tuned to phrases such as 不需要额外的同步.
SCOPE_TOKENS = 6

#: Opposites. A text that holds one side only takes that side; claims on opposite sides disagree. Order of a pair is arbitrary.
OPPOSITES: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(a), re.compile(b))
    for a, b in (
        (
            r"变大|更大|越大|太大|很大|增大|放大|偏大|大于|larger|bigger|greater",
            r"变小|更小|越小|太小|很小|减小|缩小|偏小|小于|smaller",
        ),
        (r"变多|更多|越多|多于|增多|\bmore\b", r"变少|更少|越少|少于|减少|\bless\b|\bfewer\b"),
        (r"变高|更高|越高|提高|升高|偏高|高于|\bhigh(?:er)?\b|\brais", r"变低|更低|越低|降低|偏低|低于|\blow(?:er)?\b"),
        (r"增加|增长|上升|涨|扩大|increas|\bgrow|\bris(?:e|ing)", r"减少|下降|缩减|降下|变小|decreas|reduc|shrink|\bdrop"),
        (r"更快|变快|加快|加速|\bfast|speeds? up", r"更慢|变慢|减慢|拖慢|\bslow"),
        (r"更强|变强|增强|加强|strong", r"更弱|变弱|减弱|削弱|weak"),
        (r"更稳|稳定|stab(?:le|ilis|iliz)", r"不稳|发散|震荡|unstab|diverg"),
        (r"之前|前面|先(?!进|验)|\bbefore\b|\bfirst\b", r"之后|后面|最后|\bafter\b|afterwards|\blast\b"),
        (r"左边|左侧|\bleft\b", r"右边|右侧|\bright side\b"),
        (r"输入|\binputs?\b", r"输出|\boutputs?\b"),
        (r"训练|\btrain(?:ing|ed)?\b", r"推理|\binference\b"),
        (r"编码器|\bencoders?\b", r"解码器|\bdecoders?\b"),
        (r"线性|\blinear(?:ly)?\b", r"平方|二次|指数|quadratic|exponential"),
        (r"全部|所有|每个|都要|\ball\b|\bevery\b|\beach\b", r"只有一|单个|其中一|\bonly one\b|\bsingle\b"),
        (r"独立|分开|各自|单独|\bseparate|\bindependent|\bown\b", r"共享|共用|合在一起|\bshared?\b"),
        (r"更好|更准|提升|improv|\bbetter\b", r"更差|变差|下滑|退化|\bworse\b|degrad"),
        (r"便宜|省|节省|\bcheap|\bsav(?:e|es|ing)\b", r"更贵|昂贵|浪费|\bexpensive\b|\bcostl"),
        (r"打开|启用|保留|\bkeep|\bkept\b|enabl", r"关掉|关闭|丢掉|去掉|舍弃|\bdrop(?:s|ped)?\b|discard|disabl|remov"),
        (r"相同|一样|一致|等价|\bsame\b|identical|equivalent", r"不同|不一样|不等价|不一致|differ"),
        (r"需要|必须|要求|\bneeds?\b|\bmust\b|requir", r"不需要|不用|无需|无须|不必|no need|n't need|without need"),
        (r"可以|能够|能(?!力)|\bcan\b", r"不能|不可以|无法|没法|cannot|can't|unable"),
        (r"冻结|不动|固定|\bfrozen\b|\bfreez|\bfixed\b", r"更新|微调|学习|\bupdat|\btuned?\b"),
        (r"尖锐|更尖|sharp|peak", r"平滑|更平|平坦|smooth|\bflat"),
        (r"欠拟合|underfit", r"过拟合|overfit"),
        (r"串行|逐个|一个一个|依次|sequential|one by one", r"并行|同时|parallel|at once"),
        (r"\bteacher\b|老师|教师", r"\bstudent\b|学生"),
        (r"高方差|方差大", r"低方差|方差小"),
        (r"精确|无损|\bexact", r"近似|有损|approximat|\blossy\b"),
        (r"独享|局部|\blocal\b", r"全局|\bglobal\b"),
    )
)

#: What holds a sentence together. A list of terms has almost none of these; speech has one in every three or four tokens.
FUNCTION_WORDS = frozenset(
    """
    的 是 了 在 就 会 把 被 而 因 为 所 以 如 果 用 让 到 来 对 也 都 要 能 可 这 那 它 我 你 们 其 实 得 地 着 过 给 从 跟
    和 与 或 但 还 再 又 很 更 最 只 不 没
    有 去 做 说 叫 成 使 由 于 之 所 则 即 若 当 每 个 些 上 下 里 中 后 前 时 么 什 怎 样 the a an is are was were be been
    of to and that
    in it by with for as on at so if then than this these those you we they i which because when while from
    into its their your our do does not or but can will would just only about how what there has have
    """.split()  # noqa: SIM905 - as a list it would fill two pages
)

#: Sounds and phrases that carry no content in speech.
FILLERS = re.compile(
    r"嗯+|呃+|啊+|哦+|额+|那个|这个嘛|怎么说呢|就是说|然后呢|对吧|是吧|其实吧|我想想|我想一下|让我想想|"
    r"\b(?:um+|uh+|er+|hmm+|well|you know|i mean|like,|let me think|let me see|kind of|sort of)\b"
)

#: Low-content words: present in any sentence, so overlap on them says nothing. IDF alone is too mild on a small bank.
STOP_WORDS = FUNCTION_WORDS | frozenset(
    """
    一 多 大 小 就是 比 较 点 东 西 候 它们 几 两 么 呢 吧 吗 啊 嗯 呃 额 thing things really very much some any get make
    basically
    also even out up each other one
    """.split()  # noqa: SIM905 - as a list it would fill two pages
)
