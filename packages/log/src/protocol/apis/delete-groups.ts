/**
 * DeleteGroups, API key 42, versions 0 to 2.
 *
 * - 2: flexible
 */
export const deleteGroups = {
  key: 42,
  name: 'DeleteGroups',
  versions: '0-2',
  flexible: '2+',
  request: {
    groupsNames: { type: 'array', of: 'string' },
  },
  response: {
    throttleTimeMs: 'int32',
    results: {
      type: 'array',
      of: {
        groupId: 'string',
        errorCode: 'int16',
      },
    },
  },
} as const
