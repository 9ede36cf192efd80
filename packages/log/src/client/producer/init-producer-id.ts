import { ERROR_CODE } from '../../protocol/index.ts'
import { refusal } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import type { ProducerIdentity } from './pending-batch.ts'

/** An identity for an idempotent producer without transactions; any broker gives one. @throws `CLIENT_*` */
export async function initProducerId(cluster: Cluster): Promise<ProducerIdentity> {
  const deadlineMs = cluster.settings.clock.monotonic() + cluster.settings.apiTimeoutMs
  for (let attempt = 1; ; attempt++) {
    const { errorCode, producerId, producerEpoch } = await cluster.askAny('InitProducerId', {
      transactionalId: null,
      transactionTimeoutMs: 0x7fff_ffff,
    })
    if (errorCode === ERROR_CODE.NONE) return { producerId, producerEpoch }
    const error = refusal({ api: 'InitProducerId', subject: 'an idempotent producer', broker: 'asked', errorCode })
    if (!error.retry || cluster.settings.clock.monotonic() >= deadlineMs) throw error
    await cluster.backOff(attempt)
  }
}
