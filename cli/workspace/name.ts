/** As people may write it: `shop`, `ws/shop`. */
export const workspaceName = (text: string): string => text.replace(/^(ws|workspaces?)\//, '');
