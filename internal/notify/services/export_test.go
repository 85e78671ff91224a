package services

// Quiet is quiet, for the tests of what chats show.
var Quiet = quiet
