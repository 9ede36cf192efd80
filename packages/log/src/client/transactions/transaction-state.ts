/** The life of a transactional producer, as one table. */

/**
 * `new` has no identity yet · `ready` between transactions · `open` takes records · `finishing` takes no more, and waits for those it has ·
 * `prepared` all of them are acknowledged and it only waits to be ended ·
 * `ending` the coordinator is asked · `abortable` something failed: only an abort helps · `failed` nothing helps (fenced, or refused for good).
 */
export type TransactionState = 'new' | 'ready' | 'open' | 'finishing' | 'prepared' | 'ending' | 'abortable' | 'failed'

export type TransactionAction = 'init' | 'begin' | 'write' | 'prepare' | 'commit' | 'abort'

const ALLOWED: { readonly [A in TransactionAction]: readonly TransactionState[] } = {
  init: ['new', 'ready'],
  begin: ['ready'],
  write: ['open'],
  prepare: ['open'],
  commit: ['open', 'prepared'],
  abort: ['open', 'finishing', 'prepared', 'abortable'],
}

export function isAllowed(action: TransactionAction, state: TransactionState): boolean {
  return ALLOWED[action].includes(state)
}
