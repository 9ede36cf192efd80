/**
 * DeleteTopics, API key 20, versions 1 to 6.
 *
 * - 4: flexible
 * - 5: response gains errorMessage
 * - 6: request gains topics; request loses topicNames; response gains topicId
 */
export const deleteTopics = {
  key: 20,
  name: 'DeleteTopics',
  versions: '1-6',
  flexible: '4+',
  request: {
    topics: {
      type: 'array',
      versions: '6+',
      of: {
        name: { type: 'string', nullable: true, default: null },
        topicId: 'uuid',
      },
    },
    topicNames: { type: 'array', versions: '1-5', ignorable: true, of: 'string' },
    timeoutMs: 'int32',
  },
  response: {
    throttleTimeMs: { type: 'int32', ignorable: true },
    responses: {
      type: 'array',
      of: {
        name: { type: 'string', nullable: '6+' },
        topicId: { type: 'uuid', versions: '6+', ignorable: true },
        errorCode: 'int16',
        errorMessage: { type: 'string', versions: '5+', nullable: true, default: null, ignorable: true },
      },
    },
  },
} as const
