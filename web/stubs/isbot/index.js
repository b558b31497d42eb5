// Stands for a package that the router wants when it renders on a server, which the console never does.
export const isbot = () => false;
export default isbot;
