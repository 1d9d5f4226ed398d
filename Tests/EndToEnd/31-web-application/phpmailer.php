<?php
// WordPress and Known send through this library.
require "/usr/share/php/libphp-phpmailer/autoload.php";
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
if ($argv[1] === "smtp") {
    $mail->isSMTP();
    $mail->Host = "127.0.0.1";
    $mail->Port = (int) $argv[2];
    $mail->SMTPAutoTLS = false;
} else {
    $mail->isSendmail();
}
$mail->CharSet = "utf-8";
$mail->setFrom("blog@blog.test", "The Blog");
$mail->addAddress("keyed@far.test", "Keyed");
$mail->addCC("plain@far.test");
$mail->addBCC("hidden@far.test");
$mail->addCustomHeader("X-PHP-Originating-Script", "33:wp-mail.php");
$mail->addCustomHeader("X-Originating-IP", "192.0.2.77");
$mail->Subject = "magpie55subject";
$mail->isHTML(true);
$mail->Body = "<html><body><p>jackdaw66body</p></body></html>";
$mail->AltBody = "jackdaw66body in plain";
$mail->addStringAttachment("%PDF-1.4 rook77attachment", "rook77.pdf", "base64", "application/pdf");
$mail->send();
