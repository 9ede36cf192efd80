/** Classic groups in `__consumer_offsets`, in Kafka's schemas: the whole group is one record. Version 3 of the value is written, as by Kafka 4.1. */
import type { RecordOf } from '../../framework/index.ts'

export const CLASSIC_GROUP_RECORDS = {
  groupMetadata: {
    type: 2,
    key: { groupId: 'string' },
    value: {
      protocolType: 'string',
      generation: 'int32',
      protocol: { type: 'string', nullable: true },
      leader: { type: 'string', nullable: true },
      currentStateTimestamp: { type: 'int64', versions: '2+', default: -1, ignorable: true },
      members: {
        type: 'array',
        of: {
          memberId: 'string',
          groupInstanceId: { type: 'string', versions: '3+', nullable: '3+', default: null, ignorable: true },
          clientId: 'string',
          clientHost: 'string',
          rebalanceTimeoutMs: { type: 'int32', versions: '1+', default: -1, ignorable: true },
          sessionTimeoutMs: 'int32',
          subscription: 'bytes',
          assignment: 'bytes',
        },
      },
    },
    versions: '0-4',
    flexible: '4+',
    writes: 3,
  },
} as const

export type ClassicGroupRecord = RecordOf<typeof CLASSIC_GROUP_RECORDS>
