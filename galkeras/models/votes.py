"""Votes as a second thing that is observed of a galaxy: multinomials down a decision tree."""

__all__ = ["vote_log_likelihood"]

from collections.abc import Sequence

from galkeras.backend import tf


def vote_log_likelihood(logits: tf.Tensor, counts: tf.Tensor, sizes: Sequence[int]) -> tf.Tensor:
    """Return (batch,) log p(votes | z) in nats, without the multinomial coefficients, on which z has no say.

    Who is led to a question follows from the answer to the one before it, so the likelihood of all votes is the product
    of the questions'. A question that nobody was asked has counts of 0 and says nothing.

    Args:
        logits: (batch, answers of all questions), unnormalised log probabilities.
        counts: (batch, answers of all questions), votes.
        sizes: How many answers each question has.
    """
    pairs = zip(tf.split(logits, list(sizes), -1), tf.split(counts, list(sizes), -1), strict=True)
    return tf.add_n([tf.reduce_sum(votes * tf.nn.log_softmax(logit), -1) for logit, votes in pairs])
