/** The topics that coordinators keep their state in: ordinary ones, made when they are first needed. */
import { isTopicProblem, type Controller, type NewTopic, type TopicProblemKind } from '../../controller/index.ts'
import type { BrokerConfig, ConfigTexts } from '../config/index.ts'
import type { Topic } from './topic.ts'
import type { Topics } from './topics.ts'

export const OFFSETS_TOPIC = '__consumer_offsets'
export const TRANSACTIONS_TOPIC = '__transaction_state'

/** What is set for an internal topic when it is made; nothing for any other topic. */
export function internalTopicConfigs(name: string, config: BrokerConfig): ConfigTexts {
  switch (name) {
    case OFFSETS_TOPIC:
      return {
        'cleanup.policy': 'compact',
        'compression.type': 'producer',
        'segment.bytes': String(config.get('offsets.topic.segment.bytes')),
      }
    case TRANSACTIONS_TOPIC:
      return {
        'cleanup.policy': 'compact',
        'compression.type': 'uncompressed',
        'min.insync.replicas': String(config.get('transaction.state.log.min.isr')),
        'segment.bytes': String(config.get('transaction.state.log.segment.bytes')),
      }
    default:
      return {}
  }
}

/** How a topic is made that a client or a coordinator needs and that is not there. */
export function automaticTopic(name: string, config: BrokerConfig): NewTopic {
  const configs = internalTopicConfigs(name, config)
  switch (name) {
    case OFFSETS_TOPIC:
      return {
        name,
        partitionCount: config.get('offsets.topic.num.partitions'),
        replicationFactor: config.get('offsets.topic.replication.factor'),
        configs,
      }
    case TRANSACTIONS_TOPIC:
      return {
        name,
        partitionCount: config.get('transaction.state.log.num.partitions'),
        replicationFactor: config.get('transaction.state.log.replication.factor'),
        configs,
      }
    default:
      return { name, partitionCount: config.get('num.partitions'), replicationFactor: config.get('default.replication.factor'), configs }
  }
}

/** Why there is no topic. */
export interface TopicRefusal {
  readonly kind: TopicProblemKind
  readonly problem: string
}

/** The topic, made if it is missing; what is wrong with it otherwise. @throws as `Controller.create` */
export async function ensureTopic(
  { topics, controller, config }: { readonly topics: Topics; readonly controller: Controller; readonly config: BrokerConfig },
  name: string,
): Promise<Topic | TopicRefusal> {
  const found = topics.named(name)
  if (found !== undefined) return found
  const made = await controller.create(automaticTopic(name, config))
  // Another request may have made it meanwhile.
  const topic = topics.named(name)
  if (topic !== undefined) return topic
  return isTopicProblem(made) ? made : { kind: 'unknown', problem: `Topic '${name}' has been deleted meanwhile.` }
}
