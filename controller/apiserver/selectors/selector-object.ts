import type { LabelSelector } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import { forbidden, invalid, required } from '../schema/causes.ts';
import { isLabelValue, isQualifiedName, type LabelMatcher, type Labels } from './label-selector.ts';

const NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** What is wrong with a metav1.LabelSelector; its types hold already. */
export function validateSelector(selector: LabelSelector, field: string): Cause[] {
  const causes: Cause[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (!isQualifiedName(key)) causes.push(invalid(`${field}.matchLabels`, key, NAME_PART));
    if (!isLabelValue(value)) causes.push(invalid(`${field}.matchLabels`, value, VALUE));
  }
  (selector.matchExpressions ?? []).forEach(({ key, operator, values = [] }, i) => {
    const at = `${field}.matchExpressions[${i}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        causes.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        causes.push(
          forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
    } else causes.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    if (!isQualifiedName(key)) causes.push(invalid(`${at}.key`, key, NAME_PART));
    values.forEach((value, j) => {
      if (!isLabelValue(value)) causes.push(invalid(`${at}.values[${j}]`, value, VALUE));
    });
  });
  return causes.length > 0 ? [...causes, invalid(field, null, 'invalid label selector.')] : causes;
}

/** Matches what the selector does; an empty one everything, one that is not valid nothing. */
export function compileSelector(selector: LabelSelector): LabelMatcher {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const has = (labels: Labels, key: string) => labels !== undefined && Object.hasOwn(labels, key);
  const matchers: LabelMatcher[] = [
    ...Object.entries(matchLabels).map(
      ([key, value]): LabelMatcher =>
        labels =>
          has(labels, key) && labels?.[key] === value,
    ),
    ...matchExpressions.map(({ key, operator, values = [] }): LabelMatcher => {
      const within = (labels: Labels) => has(labels, key) && values.includes(labels?.[key] ?? '');
      switch (operator) {
        case 'In':
          return within;
        case 'NotIn':
          return labels => !within(labels);
        case 'Exists':
          return labels => has(labels, key);
        case 'DoesNotExist':
          return labels => !has(labels, key);
        default:
          return () => false;
      }
    }),
  ];
  return labels => matchers.every(matches => matches(labels));
}
