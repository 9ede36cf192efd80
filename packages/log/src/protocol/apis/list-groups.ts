/**
 * ListGroups, API key 16, versions 0 to 5.
 *
 * - 1: response gains throttleTimeMs
 * - 3: flexible
 * - 4: request gains statesFilter; response gains groupState
 * - 5: request gains typesFilter; response gains groupType
 */
export const listGroups = {
  key: 16,
  name: 'ListGroups',
  versions: '0-5',
  flexible: '3+',
  request: {
    statesFilter: { type: 'array', versions: '4+', of: 'string' },
    typesFilter: { type: 'array', versions: '5+', of: 'string' },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '1+', ignorable: true },
    errorCode: 'int16',
    groups: {
      type: 'array',
      of: {
        groupId: 'string',
        protocolType: 'string',
        groupState: { type: 'string', versions: '4+', ignorable: true },
        groupType: { type: 'string', versions: '5+', ignorable: true },
      },
    },
  },
} as const
