import { test } from 'node:test'
import assert from 'node:assert/strict'
import { groupRecordFormat, type GroupRecord } from './group-store.ts'

const hex = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString('hex')

/** Records as Apache Kafka 4.1.1 wrote them. */
const KAFKA: readonly {
  readonly what: string
  readonly key: string
  readonly value: string | null
  readonly says: (record: GroupRecord) => unknown
}[] = [
  {
    what: 'a commit',
    key: '000100016700017400000000',
    value: '0004000000000000000100000000026d000001a1fd05c70f00',
    says: ({ key, value }) => [key, value && 'offset' in value && [value.offset, value.leaderEpoch, value.metadata, value.commitTimestamp]],
  },
  {
    what: 'a commit with its own retention',
    key: '0001000372657400017400000000',
    value: '0001000000000000000100016d000001a1fd05c795000001a1fd074e35',
    says: ({ value }) => value && 'offset' in value && value.expireTimestamp - value.commitTimestamp,
  },
  { what: 'a deleted offset', key: '000100046e6f706500017400000000', value: null, says: ({ key, value }) => [key, value] },
  {
    what: 'a group of one member',
    key: '0002000167',
    value:
      '00030008636f6e73756d657200000001000572616e67650029746573742d39396136663165332d643965642d346364372d386431332d36303532333266306335633000' +
      '0001a1fd05f964000000010029746573742d39396136663165332d643965642d346364372d386431332d363035323332663063356330ffff000474657374000a2f31' +
      '32372e302e302e3100002710000075300000000d000000000001000174ffffffff00000019000000000001000174000000020000000000000001ffffffff',
    says: ({ value }) =>
      value &&
      'members' in value && [
        value.protocol,
        value.generation,
        value.leader === value.members[0]!.memberId,
        value.members[0]!.sessionTimeoutMs,
      ],
  },
  {
    what: 'a new group',
    key: '000200027374',
    value: '0003000000000000ffffffff000001a1fd07925f00000000',
    says: ({ value }) => value && 'members' in value && [value.protocolType, value.protocol, value.leader, value.members],
  },
  { what: 'a deleted group', key: '000200046e6f7065', value: null, says: ({ name, key, value }) => [name, key, value] },
]

test('what Kafka wrote is read, and written again byte for byte', () => {
  const said = KAFKA.map(({ what, key, value, says }) => {
    const record = groupRecordFormat.decode(Buffer.from(key, 'hex'), value === null ? null : Buffer.from(value, 'hex'))
    assert.ok(record, what)
    const again = groupRecordFormat.encode(record)
    assert.deepEqual([hex(again.key), hex(again.value)], [key, value], what)
    return says(record)
  })
  assert.deepEqual(said, [
    [{ groupId: 'g', topic: 't', partition: 0 }, [1, 0, 'm', 0x1a1fd05c70f]],
    100_000,
    [{ groupId: 'nope', topic: 't', partition: 0 }, null],
    ['range', 1, true, 30_000],
    ['', null, null, []],
    ['groupMetadata', { groupId: 'nope' }, null],
  ])
})
