<?php
// What WordPress does: PHPMailer, which calls mail() or what sendmail_path names.
require "/usr/share/php/libphp-phpmailer/autoload.php";
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$argv[1] === "mail" ? $mail->isMail() : $mail->isSendmail();
$mail->CharSet = "utf-8";
$mail->setFrom("blog@home.test", "The Blog");
$mail->addAddress("keyed@far.test", "Keyed");
$mail->addCC("plain@far.test");
$mail->addCustomHeader("X-Originating-IP", "192.0.2.77");
$mail->Subject = "magpie57subject";
$mail->isHTML(true);
$mail->Body = "<html><body><p>jackdaw57body</p></body></html>";
$mail->AltBody = "jackdaw57body in plain";
$mail->addStringAttachment("%PDF-1.4 rook57attachment", "rook57.pdf", "base64", "application/pdf");
$mail->send();
