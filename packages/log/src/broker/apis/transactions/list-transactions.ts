/** ListTransactions 0 to 2: by state, producer id, duration (from 1), and a pattern of the transactional id (from 2). */
import { RE2JS } from 're2js'
import { TRANSACTION_STATES, type Transaction } from '../../../coordinators/transactions/index.ts'
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler } from '../../handler.ts'

type Filters = ApiRequest<'ListTransactions'>

export const listTransactions: ApiHandler<'ListTransactions'> = {
  name: 'ListTransactions',
  async handle(request, { broker, allows }) {
    const nothing = { throttleTimeMs: 0, unknownStateFilters: [], transactionStates: [] }
    const pattern = patternOf(request)
    if (pattern === 'invalid') return { errorCode: ERROR_CODE.INVALID_REGULAR_EXPRESSION, ...nothing }
    try {
      const all = await broker.transactions.coordinator.list()
      if (all === undefined) return { errorCode: ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS, ...nothing }
      const isWanted = filter(request, pattern, broker.clock.now())
      const found = all.filter((one) => isWanted(one) && allows('Describe', 'TransactionalId', one.transactionalId))
      return {
        throttleTimeMs: 0,
        errorCode: ERROR_CODE.NONE,
        unknownStateFilters: request.stateFilters.filter((state) => !(TRANSACTION_STATES as readonly string[]).includes(state)),
        transactionStates: found.map(({ transactionalId, producerId, state }) => ({
          transactionalId,
          producerId,
          transactionState: state,
        })),
      }
    } catch (error) {
      return { errorCode: errorCodeOf(error), ...nothing }
    }
  },
}

/** Linear in its input, whatever the pattern. */
function patternOf({ transactionalIdPattern }: Filters): RE2JS | undefined | 'invalid' {
  if (transactionalIdPattern === null || transactionalIdPattern === '') return undefined
  try {
    return RE2JS.compile(transactionalIdPattern)
  } catch {
    return 'invalid'
  }
}

function filter(
  { stateFilters, producerIdFilters, durationFilter }: Filters,
  pattern: RE2JS | undefined,
  nowMs: number,
): (transaction: Transaction) => boolean {
  const states = new Set(stateFilters)
  const producerIds = new Set(producerIdFilters)
  return ({ transactionalId, state, producerId, startedMs }) =>
    (states.size === 0 || states.has(state)) &&
    (producerIds.size === 0 || producerIds.has(producerId)) &&
    (durationFilter < 0 || nowMs - startedMs > durationFilter) &&
    (pattern === undefined || pattern.matches(transactionalId))
}
