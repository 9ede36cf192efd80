/** FindCoordinator 0 to 6. A broker on its own is every coordinator; the topic that one keeps its state in is made here. */
import { ERROR_CODE, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'

type Coordinator = NonNullable<ApiResponseToSend<'FindCoordinator'>['coordinators']>[number]

const KEY_TYPE = { group: 0, transaction: 1 } as const
const BATCHED_SINCE_VERSION = 4

export const findCoordinator: ApiHandler<'FindCoordinator'> = {
  name: 'FindCoordinator',
  async handle({ key, keyType, coordinatorKeys }, context) {
    if (context.version >= BATCHED_SINCE_VERSION) {
      return { coordinators: await Promise.all(coordinatorKeys.map((one) => find(one, keyType, context))) }
    }
    return await find(key, keyType, context)
  },
}

async function find(key: string, keyType: number, context: RequestContext): Promise<Coordinator> {
  switch (keyType) {
    case KEY_TYPE.group:
      if (!context.allows('Describe', 'Group', key)) return refused(key, ERROR_CODE.GROUP_AUTHORIZATION_FAILED)
      return found(key, await context.broker.groups.ready(key), context)
    case KEY_TYPE.transaction:
      if (!context.allows('Describe', 'TransactionalId', key)) return refused(key, ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
      return found(key, await context.broker.transactions.ready(key), context)
    default:
      return refused(key, ERROR_CODE.INVALID_REQUEST)
  }
}

function found(key: string, isReady: boolean, { broker: { nodeId }, advertised, version }: RequestContext): Coordinator {
  if (!isReady) return refused(key, ERROR_CODE.COORDINATOR_NOT_AVAILABLE)
  return { key, nodeId, ...advertised, errorCode: ERROR_CODE.NONE, errorMessage: version < BATCHED_SINCE_VERSION ? 'NONE' : '' }
}

function refused(key: string, errorCode: number): Coordinator {
  return { key, nodeId: -1, host: '', port: -1, errorCode, errorMessage: null }
}
