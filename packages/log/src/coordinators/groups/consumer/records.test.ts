import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { recordFormat } from '../../framework/index.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts'
import { MEMBER_STATE, newMember } from './member.ts'
import {
  CONSUMER_GROUP_RECORDS,
  currentRecord,
  groupRecord,
  memberRecord,
  regexRecord,
  targetEpochRecord,
  targetRecord,
  type ConsumerGroupRecord,
} from './records.ts'
import { metadataHash } from './topics.ts'
import { TopicsAtHand } from './testing/topics-at-hand.ts'

const ID = Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex').toString('base64url')

const MEMBER = {
  ...newMember('m'),
  instanceId: 'i',
  clientId: 'c',
  clientHost: '/h',
  subscribedTopicNames: ['a', 'b'],
  rebalanceTimeoutMs: 300_000,
  serverAssignor: 'range',
}

/** As Apache Kafka 4.1.1 writes them: its generated classes with the same content. */
const KAFKA: readonly (readonly [what: string, record: ConsumerGroupRecord, key: string, value: string])[] = [
  ['a group', groupRecord('g', 7, 0), '0003000167', '00000000000700'],
  ['a member', memberRecord('g', MEMBER), '000500016700016d', '00000269000263032f68030261026201000493e00672616e676501000100'],
  [
    'a classic member',
    memberRecord('g', {
      ...MEMBER,
      serverAssignor: null,
      classic: { sessionTimeoutMs: 45_000, supportedProtocols: [{ name: 'range', metadata: Uint8Array.of(1, 2, 3) }] },
    }),
    '000500016700016d',
    '00000269000263032f68030261026201000493e000010012010000afc8020672616e6765040102030000',
  ],
  ['an assignment epoch', targetEpochRecord('g', 9), '0006000167', '00000000000900'],
  [
    'a target',
    targetRecord('g', 'm', new Map([[ID, [0, 5]]])),
    '000700016700016d',
    '0000020102030405060708090a0b0c0d0e0f100300000000000000050000',
  ],
  [
    'a current assignment',
    currentRecord('g', {
      ...MEMBER,
      memberEpoch: 4,
      previousMemberEpoch: 3,
      state: MEMBER_STATE.unrevoked,
      assigned: new Map([[ID, [1]]]),
      pendingRevocation: new Map([[ID, [2]]]),
    }),
    '000800016700016d',
    '0000000000040000000301020102030405060708090a0b0c0d0e0f10020000000100020102030405060708090a0b0c0d0e0f1002000000020000',
  ],
  [
    'an expression',
    regexRecord('g', 'a.*', { topics: ['a', 'ab'], version: 12_345, timestampMs: 1_700_000_000_000 }),
    '00100001670003612e2a',
    '000003026103616200000000000030390000018bcfe5680000',
  ],
]

const format = recordFormat(CONSUMER_GROUP_RECORDS)

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

function hex(value: Uint8Array | null): string {
  return Buffer.from(value ?? []).toString('hex')
}

describe('records of consumer groups', () => {
  for (const [what, record, key, value] of KAFKA) {
    it(`of ${what} are those that Kafka writes, and reads`, () => {
      const encoded = format.encode(record)
      assert.deepEqual([hex(encoded.key), hex(encoded.value)], [key, value])
      const decoded = format.decode(bytes(key), bytes(value))!
      assert.deepEqual(format.encode(decoded), encoded)
    })
  }

  it('are read where Kafka has written a hash of any bits', () => {
    const decoded = format.decode(bytes('0003000167'), bytes('000000000007010008fffffffffffffffe'))
    assert.equal(decoded?.name === 'consumerGroupMetadata' && decoded.value?.epoch, 7)
  })

  it('are read as Kafka before 4.1 wrote them', () => {
    const value = bytes('0000020102030405060708090a0b0c0d0e0f10026100000003010000')
    assert.equal(format.decode(bytes('0004000167'), value)?.name, 'consumerGroupPartitionMetadata')
  })
})

describe('the hash of what a group is subscribed to', () => {
  const topics = (sizes: Readonly<Record<string, number>>): TopicsAtHand => new TopicsAtHand(sizes)

  it('survives its record', () => {
    const hash = metadataHash(['a', 'b'], topics({ a: 1, b: 2 }))
    const { key, value } = format.encode(groupRecord('g', 1, hash))
    const decoded = format.decode(key, value)
    assert.equal(decoded?.name === 'consumerGroupMetadata' && decoded.value?.metadataHash, hash)
    assert.ok(Number.isFinite(hash))
  })

  it('does not depend on the order, nor on topics that are not there', () => {
    const all = topics({ a: 1, b: 2 })
    assert.equal(metadataHash(['a', 'b'], all), metadataHash(['b', 'missing', 'a'], all))
    assert.equal(metadataHash(['missing'], all), 0)
  })

  it('differs when a topic grows, comes back under another id, or is another one', () => {
    const before = topics({ a: 1, b: 1 })
    const hashes = [metadataHash(['a'], before), metadataHash(['b'], before), metadataHash(['a', 'b'], before)]
    before.put('a', 2)
    hashes.push(metadataHash(['a'], before))
    before.delete('a')
    before.put('a', 2)
    hashes.push(metadataHash(['a'], before))
    assert.equal(new Set(hashes).size, hashes.length)
  })
})

describe('what consumers say through the classic protocol', () => {
  it('is written as Kafka does', () => {
    const subscription = { topics: ['a'], ownedPartitions: [{ topic: 'a', partitions: [1] }], generationId: 5, rackId: 'r' }
    assert.equal(hex(encodeSubscription(subscription, 3)), '000300000001000161ffffffff00000001000161000000010000000100000005000172')
    const assignedPartitions = [{ topic: 'a', partitions: [1, 2] }]
    assert.equal(hex(encodeAssignment({ assignedPartitions }, 3)), '000300000001000161000000020000000100000002ffffffff')
  })

  it('is read in older versions, and in later ones as the last one known', () => {
    assert.deepEqual(decodeSubscription(bytes('000000000001000161ffffffff')), {
      topics: ['a'],
      userData: null,
      ownedPartitions: [],
      generationId: -1,
      rackId: null,
    })
    const later = decodeSubscription(bytes('000900000001000161ffffffff00000001000161000000010000000100000005000172ffff'))
    assert.equal(later.rackId, 'r')
    assert.deepEqual(decodeAssignment(bytes('000000000001000161000000020000000100000002ffffffff')).assignedPartitions, [
      { topic: 'a', partitions: [1, 2] },
    ])
  })

  it('is refused where it is malformed', () => {
    for (const hexText of ['', 'ffff00', '00030000', '00007fffffff', '0000000000017fff61']) {
      assert.throws(() => decodeSubscription(bytes(hexText)), { name: 'ProtocolError' })
      assert.throws(() => decodeAssignment(bytes(hexText)), { name: 'ProtocolError' })
    }
  })
})
