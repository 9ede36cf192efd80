/**
 * Guards the declarations: they are what every client speaks, and they were checked against Apache Kafka's own codec, message by message.
 *
 * A hash below changes with anything of an API's declaration, the order of its fields included.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import * as declarations from './apis/index.ts'
import type { ApiDeclaration, Field, Fields } from './declaration.ts'
import { versionBounds } from './declaration.ts'

const HASHES: { readonly [api: string]: string } = {
  Produce: '3005f311fe924776',
  Fetch: '3678557a285cb78d',
  ListOffsets: 'efd9ffc4c016593e',
  Metadata: '121c6bcd21cf52d1',
  LeaderAndIsr: '1c30b67a0e3d008a',
  StopReplica: '4392be67a2db0257',
  UpdateMetadata: '45c746809ee45621',
  ControlledShutdown: '5f4cdb043040d4bd',
  OffsetCommit: 'f3f509e0cb7230bd',
  OffsetFetch: '6724cf239bee3f6f',
  FindCoordinator: 'f3cbc94fde3fb377',
  JoinGroup: '539a81ddd3ad2a9e',
  Heartbeat: '822b73c6730c8aef',
  LeaveGroup: '48574c280154253e',
  SyncGroup: '6bc53ca291b2b432',
  DescribeGroups: '7b9792538038b498',
  ListGroups: '468b20f0bbc71893',
  SaslHandshake: '4fd07cf406cbbefd',
  ApiVersions: '4abeb65137fae396',
  CreateTopics: 'ab8b46861edb539e',
  DeleteTopics: 'fa0eab07b2e7462f',
  DeleteRecords: '935aecc7001f2445',
  InitProducerId: '66906dd2c8d6f57c',
  OffsetForLeaderEpoch: 'ec7c4855fd257c4d',
  AddPartitionsToTxn: 'a21d663f7ab0ac95',
  AddOffsetsToTxn: '8e00bce4560ca62e',
  EndTxn: 'd2ba5d978a031877',
  WriteTxnMarkers: '3e59e8d03d57bf70',
  TxnOffsetCommit: 'bc26b5e0d7708066',
  DescribeAcls: '2feac2f40f322a5c',
  CreateAcls: 'f01437bd085cc63a',
  DeleteAcls: '8ee1106a33c0ca4f',
  DescribeConfigs: 'd1c9d332a5fca271',
  AlterConfigs: 'd27237a385852e4a',
  AlterReplicaLogDirs: 'cfcea31bc96fc684',
  DescribeLogDirs: 'd2d0ad6492a5d76a',
  SaslAuthenticate: 'fcce51bd7c39b960',
  CreatePartitions: 'afad6f78934a3bc7',
  DeleteGroups: 'f7e2d58ed8b02539',
  ElectLeaders: '5440c27f0b46170d',
  IncrementalAlterConfigs: '76720ec482dde154',
  AlterPartitionReassignments: '807766e0d5903b92',
  ListPartitionReassignments: '6b1fdd240ff40153',
  OffsetDelete: '60283edcb0aef10e',
  DescribeClientQuotas: 'dfe196b1c5a2804e',
  AlterClientQuotas: '08938f3e9363e787',
  DescribeUserScramCredentials: 'c0eebae34aad734b',
  AlterUserScramCredentials: '155528dd90370220',
  DescribeQuorum: 'f8b487761e47c543',
  AlterPartition: '1e384c35ba0a40a1',
  UpdateFeatures: 'e9e6a925626112cb',
  DescribeCluster: 'a64d63d9ff7a5d0e',
  DescribeProducers: '3513d65b7cd491dc',
  DescribeTransactions: '96c5928ec5e573b9',
  ListTransactions: '16f5777676531b9b',
  ConsumerGroupHeartbeat: '22e8e12aa56afed4',
  ConsumerGroupDescribe: 'c6476576bf42f3d0',
  ListConfigResources: '2121f5f7d3c787b4',
  DescribeTopicPartitions: '2eb889c79288905d',
}

const INSTRUCTION =
  'The declaration differs from the one that was checked against Kafka. A released version never changes: only add versions, each checked against ' +
  "the message definitions of the Kafka release that brings it, and by reading and writing its bytes with that release's classes. Then enter the new hash here."

function hash(declaration: ApiDeclaration): string {
  return createHash('sha256').update(JSON.stringify(declaration)).digest('hex').slice(0, 16)
}

describe('declarations', () => {
  for (const [name, declaration] of Object.entries(declarations) as [string, ApiDeclaration][]) {
    it(`of ${name} is the one that was checked`, () => assert.equal(hash(declaration), HASHES[name], INSTRUCTION))
  }

  it('have a hash each, none is left over', () => {
    assert.deepEqual(Object.keys(HASHES).toSorted(), Object.keys(declarations).toSorted())
  })

  it('have distinct keys, and tags only where versions are flexible', () => {
    const list: ApiDeclaration[] = Object.values(declarations)
    assert.equal(new Set(list.map((declaration) => declaration.key)).size, list.length)
    for (const { flexible, request, response, name, versions } of list) {
      const flexibleFrom = flexible === null ? Number.POSITIVE_INFINITY : versionBounds(flexible)[0]
      const from = versionBounds(versions)[0]
      for (const fields of [request, response]) checkTags(fields, from, flexibleFrom, name)
    }
  })
})

function checkTags(fields: Fields, inheritedFrom: number, flexibleFrom: number, api: string): void {
  const tags = new Set<number>()
  for (const [name, field] of Object.entries(fields) as [string, Exclude<Field, string>][]) {
    if (typeof field === 'string') continue
    const from = field.versions === undefined ? inheritedFrom : versionBounds(field.versions)[0]
    if (field.tag !== undefined) {
      assert.ok(!tags.has(field.tag), `${api} has the tag ${field.tag} twice in a structure`)
      tags.add(field.tag)
      const taggedFrom = field.tagged === undefined ? from : versionBounds(field.tagged)[0]
      assert.ok(taggedFrom >= flexibleFrom, `${api} tags ${name} before it is flexible`)
    }
    const inner = field.type === 'array' ? field.of : field.type === 'struct' ? field.fields : undefined
    if (typeof inner === 'object') checkTags(inner, from, flexibleFrom, api)
  }
}
